"""The catalogue: its pages and examples, its counts against published ones, and what it refuses."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from archdsl.elaborate import kinds
from archdsl.ir import Axes, Category, Extra, Misfit, Op, Parts, Rows, Step, TensorType
from archdsl.ops import catalogue, find, names
from tests.support.calls import op_of, types_of

# The reference: attributes in order, those before ";" by position too, tensors with a star.
ATTRIBUTES = {
    "conv": "channels window stride; pad dilation groups bias table standardize round parametrization",
    "depthwise": "window stride; pad dilation multiplier bias parametrization",
    "locally_connected": "channels window stride; pad bias",
    "linear": "features; bias parametrization",
    "subsample": "window stride;",
    "rbf": "centers; trainable",
    "bn": "; eps momentum scale shift",
    "prelu": "; per_channel",
    "maxpool": "window stride; pad dilation round",
    "avgpool": "window stride; pad round count_pad",
    "adaptive_avgpool": "out;",
    "lrn": "size; alpha beta k",
    "dropout": "p; channels",
    "compare": "relation number;",
    "cast": "to;",
    "choose": ";",
    "rnn": "hidden; layers bidirectional bias dropout final *start",
    "unfold": "window stride; pad dilation",
    "fold": "window stride; pad dilation to",
    "leaky_relu": "slope;",
    "tanh": "; gain slope",
    "softmax": "axis;",
    "log_softmax": "axis;",
    "flatten": "start stop;",
    "split": "parts axis;",
    "concat": "; axis",
    "conv_transpose": "channels window stride; pad output_pad dilation groups bias parametrization",
    "embedding": "vocabulary features;",
    "attention": "heads; bias dropout causal *kv",
    "ln": "axis; eps scale shift",
    "gn": "groups; eps scale shift",
    "parameter": "shape; init std",
    "unpool": "*of;",
    "upsample": "scale; to mode align_corners *like",
    "drop_path": "p;",
    "l2_normalize": "axis;",
    "permute": "order;",
    "reshape": "shape;",
    "pad": "amount; channels axis mode value",
    "crop": "amount; offset *like",
    "select": "index axis;",
    "unbind": "axis;",
    "slice": "start stop axis; step",
    "tile": "times axis;",
    "stack": "; axis",
    "einsum": "equation;",
    "elu": "alpha;",
    "celu": "alpha;",
    "gelu": "; approximate",
    "glu": "axis;",
    "hard_tanh": "min max;",
    "scale": "by;",
    "shift": "by;",
    "pow": "exponent;",
    "clamp": "min max;",
    "reduce_mean": "axes; keep",
    "reduce_sum": "axes; keep",
    "reduce_max": "axes; keep",
    "argmax": "axis;",
    "roll": "shift axes;",
    "flip": "axes;",
    "expand": "; *like",
    "cumsum": "axis;",
    "masked_fill": "value; *mask",
    "grid_sample": "; mode beyond align_corners *grid",
    "pixel_shuffle": "factor;",
    "pixel_unshuffle": "factor;",
    "take": "; axis *index",
    "topk": "count axis;",
    "anchors": "sizes ratios stride;",
    "clip_boxes": "; *to",
    "nms": "count overlap; *scores *apart",
    "roi_align": "size stride; samples aligned",
    "adaptive_maxpool": "out;",
    "rms_norm": "axis; eps",
    "constant": "shape formula; persistent",
    "sdpa": "; causal scale dropout",
    "lstm": "hidden; layers bidirectional bias dropout final *start *cell",
    "gru": "hidden; layers bidirectional bias dropout final *start",
}
PLAIN = """relu relu6 selu silu mish softplus sigmoid hard_sigmoid hard_swish log_sigmoid softsign identity abs square sqrt
    exp log reciprocal sin cos detach add subtract multiply divide average maximum minimum matmul"""
ATTRIBUTES |= dict.fromkeys(PLAIN.split(), ";")
DEFAULTS: dict[str, dict[str, object]] = {
    "conv": {"stride": 1, "pad": 0, "dilation": 1, "groups": 1, "bias": True, "standardize": False, "round": "floor"},
    "bn": {"eps": 1e-5, "momentum": 0.1, "scale": True, "shift": True},
    "lrn": {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1},
    "avgpool": {"pad": 0, "round": "floor", "count_pad": True},
    "dropout": {"p": 0.5},
    "leaky_relu": {"slope": 0.01},
    "flatten": {"start": 0, "stop": -1},
    "concat": {"axis": 0},
    "conv_transpose": {"stride": 1, "pad": 0, "output_pad": 0, "dilation": 1, "groups": 1, "bias": True},
    "attention": {"bias": True, "dropout": 0, "causal": False},
    "ln": {"axis": -1, "eps": 1e-5, "scale": True, "shift": True},
    "gn": {"eps": 1e-5, "scale": True, "shift": True},
    "parameter": {"init": "zeros", "std": None},
    "upsample": {"mode": "nearest", "align_corners": False},
    "drop_path": {"p": 0.5},
    "pad": {"channels": (0, 0), "mode": "zeros", "value": 0},
    "crop": {"offset": "center"},
    "select": {"axis": 0},
    "slice": {"axis": 0, "step": 1},
    "grid_sample": {"mode": "bilinear", "beyond": "zeros", "align_corners": False},
    "tile": {"axis": 0},
    "stack": {"axis": 0},
    "elu": {"alpha": 1},
    "celu": {"alpha": 1},
    "gelu": {"approximate": False},
    "hard_tanh": {"min": -1, "max": 1},
    "reduce_mean": {"keep": False},
    "take": {"axis": 0},
    "topk": {"axis": -1},
    "roi_align": {"samples": 2, "aligned": False},
    "rms_norm": {"axis": -1, "eps": None},
    "constant": {"persistent": True},
    "sdpa": {"causal": False, "scale": None, "dropout": 0},
    "lstm": {"layers": 1, "bidirectional": False, "bias": True},
    "gru": {"layers": 1, "bidirectional": False, "bias": True},
}
MERGES = {"add", "subtract", "multiply", "divide", "average", "maximum", "minimum"}
MERGES |= {"concat", "stack", "matmul", "einsum", "sdpa", "roi_align", "compare", "choose"}
UNNUMBERED = MERGES | {"identity", "split", "unbind", "parameter", "crop", "select", "slice", "tile"}
UNNUMBERED |= {"scale", "shift", "pow", "exp", "log", "reciprocal", "clamp", "roll", "take", "argmax"}
UNNUMBERED |= {"reduce_mean", "reduce_sum", "reduce_max", "constant"}
UNNUMBERED |= {"sin", "cos", "flip", "cumsum", "masked_fill", "detach", "grid_sample", "expand"}
UNNUMBERED |= {"topk", "anchors", "clip_boxes", "nms", "cast"}
WEIGHT_LAYERS = {"conv", "depthwise", "conv_transpose", "locally_connected", "linear"}

EXAMPLES = [(call, given, expected) for kind in catalogue().values() for call, given, expected in kind.examples]
KINDS = [pytest.param(kind, id=name) for name, kind in catalogue().items()]


def test_a_file_defines_the_operator_of_its_name() -> None:
    assert set(catalogue()) == names() and all(kind.name == name for name, kind in catalogue().items())


def test_a_lookup_imports_no_other_operator() -> None:
    code = "import sys; from archdsl.ops import find; find('linear'); find('no_such_layer'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.removeprefix("archdsl.ops.") for name in done.stdout.split() if name.startswith("archdsl.ops.")}
    assert imported & names() == {"linear"}


def test_no_operator_of_another_name() -> None:
    assert find("windows") is find("families") is find("__init__") is find("") is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_is_documented(kind: type[Op]) -> None:
    """Its page is its docstring, its own and not one that it inherits; every attribute has a line."""
    page = inspect.cleandoc(vars(kind)["__doc__"])
    assert page.partition("\n\n")[0].endswith(".")
    assert kind.examples and kind.category in get_args(Category)
    for name, field in kind.fields().items():
        assert field.description and "\n" not in field.description, name
        assert not field.description.endswith(".") and field.description[0].islower(), name


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_are_those_of_the_reference(kind: type[Op]) -> None:
    by_position, _, rest = ATTRIBUTES[kind.name].partition(";")
    names = by_position.split() + rest.split()
    assert [*kind.fields(), *(f"*{name}" for name in kind.tensor_attributes)] == names
    assert kind.positional == len(by_position.split())
    defaults: dict[str, object] = {name: field.default for name, field in kind.fields().items()}
    assert defaults | DEFAULTS.get(kind.name, {}) == defaults


def test_kinds_of_operators() -> None:
    kinds = catalogue().values()
    assert {k.name for k in kinds if k.operands is None} == MERGES
    assert {k.name for k in kinds if not k.numbered} == UNNUMBERED
    assert {k.name for k in kinds if k.is_weight_layer} == WEIGHT_LAYERS


@pytest.mark.parametrize("call, given, expected", EXAMPLES)
def test_examples_hold(call: str, given: str, expected: str) -> None:
    op, operands = op_of(call), types_of(given)
    found = op.infer(*operands)
    assert [*map(str, found)] == [*map(str, types_of(expected))]
    resolved = op.resolve(*operands)
    assert resolved.infer(*operands) == found and resolved.resolve(*operands) == resolved


@pytest.mark.parametrize("call, given, expected", EXAMPLES)
def test_facts_are_of_one_sample_and_whole(call: str, given: str, expected: str) -> None:
    """Every fact can be asked of every example, before and after its attributes are spelled out."""
    operands, results = types_of(given), types_of(expected)
    op = op_of(call)
    for form in (op, op.resolve(*operands)):
        assert form.macs(operands, results) >= 0 and form.connections(operands, results) >= 0
        assert all(s.numel > 0 for s in form.state(*operands))
        saved = form.saved(operands, results)
        assert all(0 <= i < len(operands) for i in saved.operands)
        assert all(isinstance(e, Extra) and e.name for e in (*saved.extra, *form.scratch(operands, results)))
        assert form.state(*operands) == op.state(*operands) and form.reach(*operands) == op.reach(*operands)


@pytest.mark.parametrize(
    "call, given, text",
    [
        ("conv(64, 3x3, pad=1)", "[3, 32, 32]", "conv 3x3, 64"),
        ("conv(64, 3, 2)", "[3, 32, 32]", "conv 3x3, 64 /2"),
        ("conv(64, 3x5, 2x1)", "[3, 32, 32]", "conv 3x5, 64 /2x1"),
        ("conv(64, 7)", "[3, 32]", "conv 7, 64"),
        ("conv(64, 3x3, groups=32)", "[64, 32, 32]", "conv 3x3, 64, groups=32"),
        ("depthwise(3x3, 2)", "[64, 32, 32]", "depthwise 3x3 /2"),
        ("depthwise(3x3, multiplier=2)", "[64, 32, 32]", "depthwise 3x3, multiplier=2"),
        ("locally_connected(16, 7x7, 2)", "[16, 25, 25]", "locally_connected 7x7, 16 /2"),
        ("maxpool(2x2)", "[3, 32, 32]", "maxpool 2x2"),
        ("maxpool(2, 2)", "[3, 32, 32]", "maxpool 2x2"),
        ("maxpool(3, 2)", "[3, 32, 32]", "maxpool 3x3 /2"),
        ("avgpool(3x3, 1)", "[3, 32, 32]", "avgpool 3x3 /1"),
        ("avgpool(global)", "[3, 32, 32]", "global average"),
        ("maxpool(global)", "[3, 32, 32]", "global max"),
        ("subsample(2)", "[3, 32, 32]", "subsample 2x2"),
        ("adaptive_avgpool(7)", "[512, 7, 7]", "adaptive_avgpool 7x7"),
        ("linear(4096)", "[9216]", "linear 4096"),
        ("dropout(0.2)", "[9216]", "dropout"),
        ("rbf(10)", "[84]", "rbf 10"),
        ("split(2)", "[96, 27, 27]", "split 2"),
        ("split([1, 95])", "[96, 27, 27]", "split [1, 95]"),
        ("bn", "[96, 27, 27]", "bn"),
        ("conv_transpose(64, 2x2, 2)", "[128, 28, 28]", "conv_transpose 2x2, 64 *2"),
        ("conv_transpose(8, 3, groups=2)", "[16, 28]", "conv_transpose 3, 8, groups=2"),
        ("embedding(100, 16)", "int64 [8]", "embedding 100, 16"),
        ("attention(12)", "[197, 768]", "attention 12"),
        ("attention(8, causal=true)", "[197, 768]", "attention 8, causal"),
        ("gn(32)", "[64, 8, 8]", "gn 32"),
        ("parameter([1, 1, 768])", "", "parameter [1, 1, 768]"),
        ("upsample(2)", "[3, 8, 8]", "upsample *2"),
        ("upsample([1, 1.5], mode=bilinear)", "[3, 8, 8]", "upsample *1x1.5, bilinear"),
        ("upsample(to=9x7)", "[3, 8, 8]", "upsample to 9x7"),
        ("permute([1, 0])", "[3, 8]", "permute 1 0"),
        ("reshape([-1, 4])", "[3, 8]", "reshape ?x4"),
        ("pad(1)", "[3, 8, 8]", "pad 1"),
        ("pad([[0, 1], [0, 1]], channels=[0, 2])", "[3, 8, 8]", "pad [[0, 1], [0, 1]] channels +2"),
        ("pad(2, mode=reflect)", "[3, 8, 8]", "pad 2 reflect"),
        ("pad(2, axis=-1)", "[3, 8, 8]", "pad 2 axis -1"),
        ("crop(4)", "[3, 16, 16]", "crop 4"),
        ("crop", "[3, 16, 16], [3, 8, 8]", "crop"),
        ("select(-1)", "[3, 8]", "select -1"),
        ("slice(1, 3)", "[3, 8]", "slice 1:3"),
        ("tile(16)", "[1, 8]", "tile 16"),
        ('einsum("t c -> c")', "[3, 8]", "einsum t c -> c"),
        ("scale(2/3)", "[8]", "scale 0.666667"),
        ("shift(-1)", "[8]", "shift -1"),
        ("pow(3)", "[8]", "pow 3"),
        ("clamp(0, 1)", "[8]", "clamp 0:1"),
        ("clamp(max=1)", "[8]", "clamp :1"),
        ("reduce_mean([1, 2])", "[3, 8, 8]", "reduce_mean 1 2"),
        ("reduce_max(-1)", "[3, 8]", "reduce_max -1"),
        ("argmax(0)", "[3, 8]", "argmax 0"),
        ('compare(">=")', "[3, 8], [3, 8]", "compare >="),
        ('compare("<", 0.5)', "[3, 8]", "compare < 0.5"),
        ("cast(int64)", "[3, 8]", "cast int64"),
        ("unfold(3x3, 2)", "[3, 8, 8]", "unfold 3x3 /2"),
        ("fold(3, to=8)", "[9, 36]", "fold 3x3"),
        ("dropout(channels=true)", "[3, 8]", "dropout of channels"),
        ("topk(5)", "[3, 8]", "topk 5"),
        ("anchors(32, [0.5, 1, 2], 8)", "[3, 8, 8]", "anchors /8, 3 at a place"),
        ("nms(100, 0.7)", "[9, 4], [9]", "nms 100, 0.7"),
        ("roi_align(7, 4)", "[9, 4], [3, 8, 8]", "roi_align 7x7"),
        ("roll([-3, 1], [0, 1])", "[3, 8]", "roll -3 1"),
        ("roll(1, -1)", "[3, 8]", "roll 1"),
        ("pixel_shuffle(2)", "[8, 4, 4]", "pixel_shuffle 2"),
        ('constant([4, 4], "i - j")', "", "constant [4, 4]"),
        ("sdpa(causal=true)", "[2, 8, 4], [2, 8, 4], [2, 8, 4]", "sdpa, causal"),
        ("lstm(64)", "[8, 16]", "lstm 64"),
        ("gru(64, layers=2, bidirectional=true)", "[8, 16]", "gru 64, 2 layers, bidirectional"),
        ("adaptive_maxpool(7)", "[512, 9, 9]", "adaptive_maxpool 7x7"),
    ],
)
def test_the_short_form(call: str, given: str, text: str) -> None:
    assert op_of(call).resolve(*types_of(given)).summary() == text


def params(op: Op, operand: TensorType) -> int:
    return sum(s.numel for s in op.state(operand) if s.role == "parameter")


C3 = [
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
]
H3 = ["XXX.XX......", ".XXXXX......", "......XXX.XX", ".......XXXXX"]


def table(rows: list[str]) -> str:
    return "[" + ", ".join(f'"{row}"' for row in rows) + "]"


# LeCun et al. 1998, section II.B, and LeCun et al. 1990: parameters and connections of each layer.
LENET_5 = [
    ("conv(6, 5x5)", 156, 122_304),
    ("subsample(2x2)", 12, 5_880),
    (f"conv(16, 5x5, table={table(C3)})", 1_516, 151_600),
    ("subsample(2x2)", 32, 2_000),
    ("conv(120, 5x5)", 48_120, 48_120),
    ("flatten", 0, 0),
    ("linear(84)", 10_164, 10_164),
    ("rbf(10)", 0, 840),
]
LENET_1990 = [
    ("conv(4, 5x5)", 104, 59_904),
    ("subsample(2x2)", 8, 2_880),
    (f"conv(12, 5x5, table={table(H3)})", 512, 32_768),
    ("subsample(2x2)", 24, 960),
    ("flatten", 0, 0),
    ("linear(10)", 1_930, 1_930),
]


@pytest.mark.parametrize(
    "layers, x, totals",
    [(LENET_5, "[1, 32, 32]", (60_000, 340_908)), (LENET_1990, "[1, 28, 28]", (2_578, 98_442))],
    ids=["LeNet-5", "1990"],
)
def test_lenet_counts_as_lecun_counted(layers: list[tuple[str, int, int]], x: str, totals: tuple[int, int]) -> None:
    operands = types_of(x)
    counted = [0, 0]
    for call, parameters, connections in layers:
        op = op_of(call)
        results = op.infer(*operands)
        found = params(op, *operands), op.connections(operands, results)
        assert found == (parameters, connections), call
        counted = [a + b for a, b in zip(counted, found, strict=True)]
        operands = results
    assert tuple(counted) == totals


@pytest.mark.parametrize(
    "call, given, macs",
    [
        # 7x7x3 filters for 5 maps: one for each of 24x24 places, or one for all.
        ("locally_connected(5, 7x7, bias=false)", "[3, 30, 30]", 24 * 24 * 735),
        ("conv(5, 7x7, bias=false)", "[3, 30, 30]", 24 * 24 * 735),
        ("conv(64, 3x3, pad=1)", "[3, 224, 224]", 86_704_128),  # the first layer of VGG
        ("conv(256, 5x5, pad=2, groups=2)", "[96, 27, 27]", 223_948_800),  # the second of AlexNet
        ("linear(1000)", "[921600]", 921_600_000),
        ("depthwise(3x3, pad=1)", "[32, 112, 112]", 3_612_672),  # the first of MobileNet
        ("linear(768)", "[197, 192]", 197 * 192 * 768),
        ("bn", "[64, 112, 112]", 0),
        ("maxpool(2x2)", "[64, 112, 112]", 0),
        # Every input place writes a window: U-Net's last up-convolution.
        ("conv_transpose(64, 2x2, 2)", "[128, 196, 196]", 196 * 196 * 128 * 64 * 4),
        ("conv_transpose(64, 2x2, 2, groups=2)", "[128, 196, 196]", 196 * 196 * 128 * 32 * 4),
        ("attention(12)", "[197, 768]", 4 * 197 * 768**2 + 2 * 197**2 * 768),
        ("attention(12, causal=true)", "[197, 768]", 4 * 197 * 768**2 + 2 * 197**2 * 768),
        ("attention(8)", "[100, 256], [1064, 256]", 2 * (100 + 1064) * 256**2 + 2 * 100 * 1064 * 256),
        ("matmul", "[12, 197, 64], [12, 64, 197]", 12 * 197 * 64 * 197),
        ('einsum("h k n, h v n -> h k v")', "[4, 16, 196], [4, 32, 196]", 4 * 16 * 32 * 196),
        ('einsum("a, b -> a b")', "[4], [3]", 0),
        ("embedding(100, 16)", "int64 [8]", 0),
        ("sdpa", "[12, 197, 64], [12, 49, 64], [12, 49, 64]", 2 * 12 * 197 * 49 * 64),
        ("sdpa", "[64, 3, 49, 32], [64, 3, 49, 32], [64, 3, 49, 16]", 64 * 3 * 49 * 49 * (32 + 16)),
        ("lstm(256)", "[100, 64]", 100 * 4 * 256 * (64 + 256)),
        ("gru(32, layers=2, bidirectional=true)", "[9, 16]", 9 * 2 * 3 * 32 * (16 + 32 + 64 + 32)),
        ("ln", "[197, 768]", 0),
    ],
)
def test_macs(call: str, given: str, macs: int) -> None:
    op, operands = op_of(call), types_of(given)
    assert op.macs(operands, op.infer(*operands)) == macs


@pytest.mark.parametrize(
    "call, given, count",
    [
        ("locally_connected(5, 7x7, bias=false)", "[3, 30, 30]", 423_360),
        ("locally_connected(5, 7x7)", "[3, 30, 30]", 426_240),
        ("conv(5, 7x7, bias=false)", "[3, 30, 30]", 735),
        ("linear(1000)", "[921600]", 921_601_000),
        ("rbf(10)", "[84]", 0),
        ("rbf(10, trainable=true)", "[84]", 840),
        ("bn", "[64, 8, 8]", 128),
        ("bn(scale=false, shift=false)", "[64, 8, 8]", 0),
        ("prelu", "[64, 8, 8]", 1),
        ("prelu(per_channel=true)", "[64, 8, 8]", 64),
        ("conv_transpose(64, 2x2, 2)", "[128, 28, 28]", 128 * 64 * 4 + 64),
        ("conv_transpose(64, 4x4, groups=64, bias=false)", "[64, 28, 28]", 64 * 16),
        ("attention(12)", "[197, 768]", 2_362_368),  # of ViT-B/16's 86,567,656
        ("attention(12, bias=false)", "[197, 768]", 4 * 768**2),
        ("ln", "[197, 768]", 1_536),
        ("ln(axis=0)", "[96, 56, 56]", 192),
        ("gn(8)", "[64, 8, 8]", 128),
    ],
)
def test_parameters(call: str, given: str, count: int) -> None:
    assert params(op_of(call), *types_of(given)) == count


@pytest.mark.parametrize(
    "call, given, factors",
    [
        ("conv(64, 3x3, pad=1)", "[3, 224, 224]", (3, 3, 3)),
        ("conv(256, 5x5, groups=2)", "[96, 27, 27]", (5, 5, 48)),
        ("depthwise(3x3)", "[32, 9, 9]", (3, 3, 1)),
        ("linear(10)", "[4096]", (4096,)),
        ("relu", "[4096]", ()),
    ],
)
def test_fan_in_goes_height_first(call: str, given: str, factors: tuple[int, ...]) -> None:
    assert op_of(call).fan_in(*types_of(given)) == factors


@pytest.mark.parametrize(
    "call, given, reach",
    [
        ("conv(64, 3x3, pad=1)", "[3, 9, 9]", (Step(3, 1, 1), Step(3, 1, 1))),
        ("conv(64, 3, 2, dilation=2, pad=same)", "[3, 8]", (Step(5, 2, 1, 2),)),
        ("maxpool(3x2, 2)", "[3, 9, 9]", (Step(3, 2), Step(2, 2))),
        ("avgpool(global)", "[3, 9, 9]", "whole"),
        ("adaptive_avgpool(1)", "[3, 9, 9]", "whole"),
        ("adaptive_avgpool(7x7)", "[3, 7, 7]", "pointwise"),
        ("adaptive_avgpool([3, 9])", "[3, 9, 9]", (Step(3, 3), Step(1, 1))),
        ("adaptive_avgpool(3)", "[3, 7]", Axes((Rows(0), Rows(1, ((0, 2), (2, 4), (4, 6)), 7)))),
        ("linear(10)", "[84]", "whole"),
        ("rbf(10)", "[84]", "whole"),
        ("flatten", "[3, 9, 9]", Axes((Rows(0, ()), Rows(0, ()), Rows(0, ())))),
        ("lrn", "[3, 9, 9]", "pointwise"),
        ("linear(10)", "[5, 84]", Axes((Rows(0), "whole"))),
        ("softmax(axis=0)", "[3, 9, 9]", Axes(("whole", Rows(1), Rows(2)))),
        ("softmax(axis=-1)", "[3, 9, 9]", Axes((Rows(0), Rows(1), "whole"))),
        ("ln", "[5, 8]", Axes((Rows(0), "whole"))),
        ("attention(2)", "[5, 8]", "whole"),
        ("gn(1)", "[3, 9, 9]", "whole"),
        # Two output rows for each input row; with a 3-row window every other of them reads two.
        ("conv_transpose(4, 2, 2)", "[3, 9]", Axes(("whole", Rows(1, ((0, 0), (0, 0)))))),
        ("conv_transpose(4, 3, 2)", "[3, 9]", Axes(("whole", Rows(1, ((-1, 0), (0, 0)))))),
        ("conv_transpose(4, 1, 2)", "[3, 9]", Axes(("whole", Rows(1, ((0, 0), None))))),
        ("conv_transpose(4, 3, pad=1)", "[3, 9]", Axes(("whole", Rows(1, ((-1, 1),))))),
        ("upsample(2)", "[3, 9]", Axes((Rows(0), Rows(1, ((0, 0), (0, 0)))))),
        ("upsample(2, mode=bilinear)", "[3, 9]", Axes((Rows(0), Rows(1, ((-1, 0), (0, 1)))))),
        ("upsample(to=6)", "[3, 9]", Axes((Rows(0), Rows(1, ((0, 0), (1, 1)), 3)))),
        ("permute([1, 2, 0])", "[3, 9, 8]", Axes((Rows(2), Rows(0), Rows(1)))),
        ("flatten(1)", "[3, 9, 8]", Axes((Rows(0), Rows(1, ()), Rows(1, ())))),
        ("reshape([3, 3, 3, 8])", "[3, 9, 8]", Axes((Rows(0), None, Rows(3)))),
        ("select(-1, axis=1)", "[3, 9, 8]", Axes((Rows(0), Rows(0, ((8, 8),), 0), Rows(1)))),
        ("slice(2, axis=1)", "[3, 9]", Axes((Rows(0), Rows(1, ((2, 2),))))),
        ("crop([[1, 0]])", "[3, 9]", Axes((Rows(0), Rows(1, ((1, 1),))))),
        ("pad([[1, 0]])", "[3, 9]", Axes((Rows(0), Rows(1, ((-1, -1),))))),
        ("pad([2, 0], axis=0)", "[3, 9]", Axes((Rows(0, ((-2, -2),)), Rows(1)))),
        (
            "concat(axis=1)",
            "[3, 9], [3, 2]",
            Axes((Rows(0), Rows(1, ())), (Rows(0), Rows(1, ())), parts=Parts(1, ((0, 9), (9, 11)))),
        ),
        ("stack", "[3, 9], [3, 9]", Axes((Rows(1), Rows(2)), (Rows(1), Rows(2)), parts=Parts(0, ((0, 1), (1, 2))))),
        ("matmul", "[5, 4], [4, 6]", Axes((Rows(0), "whole"), ("whole", Rows(1)))),
        ('einsum("c h w, o c -> o h w")', "[3, 9, 8], [4, 3]", Axes(("whole", Rows(1), Rows(2)), (Rows(0), "whole"))),
    ],
)
def test_reach(call: str, given: str, reach: object) -> None:
    assert op_of(call).reach(*types_of(given)) == reach


@pytest.mark.parametrize("n", range(1, 15))
@pytest.mark.parametrize("out", range(1, 15))
def test_the_reach_of_an_adaptive_pool_is_its_windows(n: int, out: int) -> None:
    """Output i reads rows floor(i n / out) to ceil((i + 1) n / out) - 1; where out divides n these are a step apart."""
    reach = op_of(f"adaptive_avgpool({out})").reach(TensorType((1, n)))
    windows = [(i * n // out, -(-(i + 1) * n // out) - 1) for i in range(out)]
    if isinstance(reach, str):
        assert windows == ([(i, i) for i in range(n)] if reach == "pointwise" else [(0, n - 1)])
    elif isinstance(reach, tuple):
        (step,) = reach
        assert n % out == 0 and windows == [(i * step.stride, i * step.stride + step.extent - 1) for i in range(out)]
    else:
        (_, rows) = reach.operands[0]
        assert isinstance(rows, Rows)
        spans = [(divmod(i, len(rows.spans)), rows.spans[i % len(rows.spans)]) for i in range(out)]
        found = [(turn * rows.stride + s[0], turn * rows.stride + s[1]) for (turn, _), s in spans if s is not None]
        assert found == windows


def test_values_and_neurons() -> None:
    """What stands in a lecture's table, and what counts as neurons."""
    calls = {
        "conv(4, 3x3)": (True, True),
        "linear(4)": (True, True),
        "maxpool(2x2)": (True, False),
        "subsample(2x2)": (True, True),
        "adaptive_avgpool(3)": (True, False),
        "adaptive_avgpool(8)": (False, False),
        "bn": (False, False),
        "relu": (False, False),
    }
    operands = types_of("[4, 8, 8]")
    for call, expected in calls.items():
        op = op_of(call)
        assert (op.counts_values(operands, op.infer(*operands)), op.counts_neurons) == expected, call
    assert op_of("rbf(4)").counts_neurons
    assert not op_of("rbf(4)").counts_values(types_of("[8]"), types_of("[4]"))


# A call, its operands, and the misfit: code, the attribute or operand at fault, words of the message or its label.
MISFITS = [
    ("conv(4, 9x9)", "[3, 8, 8]", "window-too-large", "window", "height 9 against 8"),
    ("conv(4, 1x12, pad=1)", "[3, 8, 8]", "window-too-large", "window", "width 12 against 8 + 2 of padding"),
    ("conv(4, 3, dilation=4)", "[3, 8]", "window-too-large", "window", "width 9 against 8"),
    ("maxpool(9x9)", "[3, 8, 8]", "window-too-large", "window", "does not fit into 8"),
    ("avgpool(2x2x2, round=ceil)", "[3, 1, 8, 8]", "window-too-large", "window", "takes no window larger"),
    ("subsample(9)", "[3, 8]", "window-too-large", "window", "does not fit"),
    ("conv(4, 3x3)", "[3]", "wrong-rank", 0, "no spatial axis"),
    ("conv(4, 3x3)", "[3, 4, 4, 4, 4]", "wrong-rank", 0, "4 spatial axes"),
    ("maxpool(global)", "[3]", "wrong-rank", 0, "no spatial axis"),
    ("conv(4, 3x3)", "[3, 8]", "wrong-rank", "window", "`window` has 2 sizes, the input 1 spatial axis"),
    ("conv(4, 3, stride=[1, 2, 3])", "[3, 8, 8]", "wrong-rank", "stride", "3 sizes, the input 2 spatial axes"),
    ("conv(4, 3, pad=[[1, 1]])", "[3, 8, 8]", "wrong-rank", "pad", "`pad` has 1 axis, the input 2 spatial axes"),
    ("adaptive_avgpool(7x7)", "[512]", "wrong-rank", 0, "no spatial axis"),
    ("adaptive_avgpool(7x7)", "[3, 8]", "wrong-rank", "out", "`out` has 2 sizes"),
    ("conv(4, 2x2, pad=half)", "[3, 8, 8]", "attribute-value", "pad", "a middle row, not an extent of 2"),
    ("conv(4, 3x3, 2, round=exact)", "[3, 8, 8]", "attribute-value", "round", "(8 - 3) / 2 + 1"),
    ("conv(4, 3x3, groups=2)", "[3, 8, 8]", "attribute-value", "groups", "2 groups do not divide 3 input"),
    ("conv(5, 3x3, groups=2)", "[4, 8, 8]", "attribute-value", "groups", "5 = 2 * 2 + 1"),
    ('conv(2, 3x3, table=["XX"])', "[3, 8, 8]", "attribute-value", "table", "1 row for 3 input maps"),
    ('conv(2, 3x3, table=["XXX", "XX"])', "[2, 8, 8]", "attribute-value", "table", "row 0 of `table` has 3"),
    ('conv(2, 3x3, table=["XO", "XX"])', "[2, 8, 8]", "attribute-value", "table", "only `X`, `.` and blanks"),
    ('conv(2, 3x3, table=["X.", "X."])', "[2, 8, 8]", "attribute-value", "table", "output map 1 is joined"),
    ('conv(2, 3x3, groups=2, table=["XX", "XX"])', "[2, 8, 8]", "attribute-value", "table", "exclude each other"),
    ('conv(2, 3, standardize=true, table=["XX"])', "[1, 8]", "attribute-value", "table", "exclude each other"),
    ("conv(4, 1, groups=4, standardize=true)", "[4, 8]", "attribute-value", "standardize", "more than one weight"),
    ("maxpool(3x3, pad=2)", "[3, 8, 8]", "attribute-value", "pad", "at most half its window: 2 rows against"),
    ("maxpool(3x3, pad=full)", "[3, 8, 8]", "attribute-value", "pad", "at most half"),
    ("avgpool(global, pad=1)", "[3, 8, 8]", "attribute-value", "pad", "takes no padding"),
    ("linear(4)", "[]", "wrong-rank", 0, "at least one axis"),
    ("flatten", "[]", "wrong-rank", 0, "at least one axis"),
    ("flatten(2)", "[3, 8]", "attribute-value", "start", "[3, 8] has no axis 2"),
    ("flatten(stop=-3)", "[3, 8]", "attribute-value", "stop", "no axis -3"),
    ("flatten(1, 0)", "[3, 8]", "attribute-value", "start", "runs backwards"),
    ("flatten(stop=-2, start=1)", "[3, 8]", "attribute-value", "start", "runs backwards"),
    ("split(2)", "[3, 8]", "attribute-value", "parts", "3 does not split into 2 equal parts"),
    ("split([1, 1])", "[3, 8]", "attribute-value", "parts", "add up to 2, not to the 3 of axis 0"),
    ("split(2, axis=4)", "[3, 8]", "attribute-value", "axis", "no axis 4"),
    ("softmax", "[3, 8, 8]", "attribute-value", 0, "`softmax` on [3, 8, 8] needs an `axis`"),
    ("log_softmax(axis=3)", "[3, 8, 8]", "attribute-value", "axis", "no axis 3"),
    ("softmax(axis=0)", "[]", "attribute-value", "axis", "[] has no axis 0"),
    ("rbf(10)", "[3, 8]", "wrong-rank", 0, "`rbf` reads a vector, not [3, 8]"),
    ("bn", "[]", "wrong-rank", 0, "`bn` needs channels"),
    ("bn", "[3, 2, 2, 2, 2]", "wrong-rank", 0, "at most 3 spatial axes"),
    ("lrn", "[3]", "wrong-rank", 0, "a spatial axis"),
    ("prelu(per_channel=true)", "[]", "wrong-rank", 0, "no channels"),
    ("add", "[256, 56, 56], [64, 56, 56]", "shape-mismatch", 1, "channels 64, not 256"),
    ("add", "[8, 4, 4], [8, 1, 1], [8, 4, 5]", "shape-mismatch", 2, "width 5, not 4"),
    ("maximum", "[8, 4, 4], [4, 4, 2]", "shape-mismatch", 1, "channels 4, not 8; width 2, not 4"),
    ("multiply", "[8, 4, 4], [8]", "shape-mismatch", 1, "1 axis, not 3"),
    ("average", "[8, 4], [8, 5]", "shape-mismatch", 1, "axis 1 5, not 4"),
    ("subtract", "[8], [8], [8]", "shape-mismatch", 2, "takes two values, not 3"),
    ("concat", "[8, 4, 4], [8, 4, 4], [3, 2, 4]", "shape-mismatch", 2, "height 2, not 4"),
    ("concat(axis=1)", "[8, 4, 4], [3, 2, 4]", "shape-mismatch", 1, "channels 3, not 8"),
    ("concat(axis=3)", "[8, 4, 4], [8, 4, 4]", "attribute-value", "axis", "no axis 3"),
    ("concat", "[8, 4], int64 [8, 4]", "wrong-dtype", 1, "int64, not float32"),
    ("divide", "int64 [8, 4], int64 [8, 4]", "wrong-dtype", 0, "reads float values, not int64"),
    ("add", "int64 [8, 4], [8, 4]", "wrong-dtype", 1, "float32, not int64"),
    ("conv_transpose(4, 3x3, pad=full)", "[3, 2, 2]", "attribute-value", "pad", "cuts off all rows of the height axis"),
    ("conv_transpose(4, 3x3, 2, output_pad=2)", "[3, 2, 2]", "attribute-value", "output_pad", "less than the stride 2"),
    ("conv_transpose(4, 3x3, groups=2)", "[3, 8, 8]", "attribute-value", "groups", "do not divide 3 input"),
    ("conv_transpose(4, 4x4, pad=half)", "[3, 8, 8]", "attribute-value", "pad", "a middle row, not an extent of 4"),
    ("conv_transpose(4, 3, output_pad=[0, 0, 0])", "[3, 8, 8]", "wrong-rank", "output_pad", "3 sizes"),
    ("conv_transpose(4, 3)", "[3]", "wrong-rank", 0, "no spatial axis"),
    ("embedding(10, 4)", "[8]", "wrong-dtype", 0, "looks up integers, not float32"),
    ("attention(2)", "[3, 8, 8]", "wrong-rank", 0, "reads tokens [T, C], not [3, 8, 8]"),
    ("attention(5)", "[4, 8]", "attribute-value", "heads", "5 heads do not divide 8 features"),
    ("ln(axis=2)", "[4, 8]", "attribute-value", "axis", "no axis 2"),
    ("gn(3)", "[4, 8]", "attribute-value", "groups", "3 groups do not divide 4 channels"),
    ("gn(4)", "[4]", "attribute-value", "groups", "more than one value in a group"),
    ("upsample", "[3, 8, 8]", "attribute-value", "scale", "one of a `scale`, sizes `to`"),
    ("upsample(2, to=9)", "[3, 8, 8]", "attribute-value", "to", "one of a `scale`"),
    ("upsample(0.1)", "[3, 8, 8]", "attribute-value", "scale", "leaves nothing of [3, 8, 8]"),
    ("upsample(2, mode=bicubic)", "[3, 8]", "attribute-value", "mode", "2 spatial axes, not 1"),
    ("upsample([2, 2])", "[3, 8]", "wrong-rank", "scale", "`scale` has 2 sizes"),
    ("upsample", "[3, 8, 8], [3, 8]", "wrong-rank", 1, "1 spatial axis, not 2"),
    ("unpool", "[3, 8, 8]", "attribute-value", 0, "needs the max-pool"),
    (
        "unpool",
        "[3, 8, 8], int64 [4, 8, 8] places [[16, 16], [2, 2], [2, 2], [0, 0]]",
        *("shape-mismatch", 0, "a switch for each value of [4, 8, 8], not of [3, 8, 8]"),
    ),
    ("l2_normalize(1)", "[8]", "attribute-value", "axis", "no axis 1"),
    ("permute([0])", "[3, 8]", "attribute-value", "order", "1 of 2 axes"),
    ("permute([0, 0])", "[3, 8]", "attribute-value", "order", "an axis twice"),
    ("permute([0, 2])", "[3, 8]", "attribute-value", "order", "no axis 2"),
    ("reshape([5, 5])", "[3, 8]", "shape-mismatch", "shape", "24 elements, not 25"),
    ("reshape([5, -1])", "[3, 8]", "shape-mismatch", "shape", "not a multiple of 5"),
    ("pad(1)", "[]", "wrong-rank", 0, "at least one axis"),
    ("pad(1)", "[8]", "wrong-rank", 0, "no spatial axis"),
    ("pad([1, 2, 3])", "[3, 8, 8]", "wrong-rank", "amount", "`amount` has 3 sizes"),
    ("pad(8, mode=reflect)", "[3, 8, 8]", "attribute-value", "amount", "no 8 rows to take from the 8 of the height"),
    ("pad(9, mode=circular)", "[3, 8, 8]", "attribute-value", "amount", "at most 8 on a side"),
    ("pad(1, axis=3)", "[3, 8, 8]", "attribute-value", "axis", "3"),
    ("pad(1, axis=0, channels=[1, 1])", "[3, 8, 8]", "attribute-value", "channels", "exclude each other"),
    ("pad([1, 2, 3], axis=0)", "[3, 8, 8]", "attribute-value", "amount", "a number, or before and after"),
    ("pad(1, axis=0, mode=reflect)", "[3, 8, 8]", "attribute-value", "axis", "exclude each other"),
    ("pad(1, mode=reflect, value=1)", "[3, 8, 8]", "attribute-value", "value", "exclude each other"),
    ("pad(1, mode=reflect, channels=[1, 1])", "[3, 8, 8]", "attribute-value", "channels", "exclude each other"),
    ("crop", "[3, 8, 8]", "attribute-value", "amount", "either an `amount` or a value to be `like`"),
    ("crop(1)", "[3, 8, 8], [3, 4, 4]", "attribute-value", "amount", "either an `amount`"),
    ("crop(1, offset=2)", "[3, 8, 8]", "attribute-value", "offset", "`offset` goes with `like`"),
    ("crop(4)", "[3, 8, 8]", "attribute-value", "amount", "cuts 8 of 8 rows off the height axis"),
    ("crop", "[3, 8, 8], [3, 9, 8]", "shape-mismatch", 1, "9 rows out of 8 on the height axis"),
    ("crop(offset=5)", "[3, 8, 8], [3, 4, 4]", "shape-mismatch", "offset", "5 + 4 is more than 8"),
    ("crop", "[3, 8, 8], [3, 4]", "wrong-rank", 1, "1 spatial axis, not 2"),
    ("select(3)", "[3, 8]", "attribute-value", "index", "has no row 3"),
    ("select(0, axis=2)", "[3, 8]", "attribute-value", "axis", "no axis 2"),
    ("slice(2, 2)", "[3, 8]", "attribute-value", "start", "takes no rows"),
    ("slice(3)", "[3, 8]", "attribute-value", "start", "to the end takes no rows"),
    ("slice(1, 4)", "[3, 8]", "attribute-value", "stop", "asks for more"),
    ("slice(-4, 2)", "[3, 8]", "attribute-value", "start", "asks for more"),
    ("tile(2, axis=2)", "[3, 8]", "attribute-value", "axis", "no axis 2"),
    ("stack", "[3, 8], [3, 9]", "shape-mismatch", 1, "axis 1 9, not 8"),
    ("stack(axis=3)", "[3, 8], [3, 8]", "attribute-value", "axis", "none of them is axis 3"),
    ("matmul", "[3, 8], [7, 3]", "shape-mismatch", 1, "8 against 7"),
    ("matmul", "[2, 3, 8], [3, 8, 3]", "shape-mismatch", 1, "2 and 3 matrices"),
    ("matmul", "[3, 8], [8]", "wrong-rank", 1, "multiplies matrices"),
    ("matmul", "[2, 3, 8], [8, 3]", "wrong-rank", 1, "unlike numbers of axes"),
    ("matmul", "[3, 8], [8, 3], [3, 8]", "shape-mismatch", 2, "takes two values, not 3"),
    ('einsum("a b, b c")', "[3, 8], [8, 3]", "attribute-value", "equation", "says no result"),
    ('einsum("a b, b c -> a c")', "[3, 8]", "attribute-value", "equation", "names 2 values, and there are 1"),
    ('einsum("a b, b c -> a d")', "[3, 8], [8, 3]", "attribute-value", "equation", "`d` is an axis of no value"),
    ('einsum("a a -> a")', "[3, 3]", "attribute-value", "equation", "`a` names two axes of `a a`"),
    ('einsum("a 2 -> a")', "[3, 3]", "attribute-value", "equation", "axes are letters, and `2` is none"),
    ('einsum("a b, b c -> a c")', "[3, 8], [7, 3]", "shape-mismatch", 1, "`b` is 8 in one value and 7 in another"),
    ('einsum("a b c -> a")', "[3, 8]", "wrong-rank", 0, "names 3 axes, and the value has 2"),
    ("add", "[4, 5], unbatched [2, 4, 5]", "shape-mismatch", 1, "2 where the batch axis is"),
    ("add", "unbatched [1, 1, 4, 5], [4, 5]", "shape-mismatch", 0, "4 axes against 3"),
    ("multiply", "[4, 5], unbatched [3]", "shape-mismatch", 1, "axis 1 3, not 5"),
    ("concat", "unbatched [1, 5], [4, 5]", "shape-mismatch", 0, "no leading 1 for it"),
    ("concat", "unbatched [2, 4, 5], [4, 5]", "shape-mismatch", 0, "2, not 1"),
    ("stack", "unbatched [4, 5], [4, 5]", "shape-mismatch", 0, "no leading 1 for it"),
    ("divide", "[3, 8], [3, 8], [3, 8]", "shape-mismatch", 2, "takes two values, not 3"),
    ("glu(0)", "[3, 8]", "shape-mismatch", "axis", "has 3 rows"),
    ("glu(2)", "[3, 8]", "attribute-value", "axis", "no axis 2"),
    ("clamp", "[3, 8]", "attribute-value", "min", "needs a bound"),
    ("clamp(2, 1)", "[3, 8]", "attribute-value", "min", "wrong way round"),
    ("hard_tanh(1, 1)", "[3, 8]", "attribute-value", "min", "less than `max`"),
    ("reduce_mean(2)", "[3, 8]", "attribute-value", "axes", "no axis 2"),
    ("reduce_sum([0, -2])", "[3, 8]", "attribute-value", "axes", "an axis twice"),
    ("argmax(2)", "[3, 8]", "attribute-value", "axis", "no axis 2"),
    ("argmax(0)", "bool [3, 8]", "wrong-dtype", 0, "numbers, not bool"),
    ("roll(1, 2)", "[3, 8]", "attribute-value", "axes", "no axis 2"),
    ("roll([1, 2], 0)", "[3, 8]", "attribute-value", "shift", "2, not 1"),
    ("pixel_shuffle(2)", "[6, 4, 4]", "shape-mismatch", "factor", "6 = 1 * 4 + 2"),
    ("pixel_shuffle(2)", "[8, 4]", "wrong-rank", 0, "needs an image"),
    ("pixel_unshuffle(2)", "[6, 4, 5]", "shape-mismatch", "factor", "that 2 divides"),
    ("take", "[3, 8]", "attribute-value", 0, "needs the numbers of the rows"),
    ("take", "[3, 8], unbatched [4]", "wrong-dtype", 1, "not by float32"),
    ("take", "[3, 8], unbatched int64 []", "wrong-rank", 1, "needs an axis"),
    ("take", "[3, 8], int64 [4, 2]", "shape-mismatch", 1, "an index for each sample"),
    ("take(axis=1)", "[3, 8], int64 [4]", "shape-mismatch", 1, "an index for each sample"),
    ("topk(9)", "[3, 8]", "attribute-value", "count", "cannot take 9 of 8"),
    ("topk(1, axis=2)", "[3, 8]", "attribute-value", "axis", "no axis 2"),
    ("anchors(32, 1, 8)", "[3, 8]", "wrong-rank", 0, "around the places of a map [C, H, W]"),
    ("clip_boxes", "[3, 4]", "attribute-value", 0, "needs an image"),
    ("clip_boxes", "[3, 5], [3, 8, 8]", "wrong-rank", 0, "reads boxes [A, 4], not [3, 5]"),
    ("clip_boxes", "[3, 4], [8, 8]", "wrong-rank", 1, "an image is [C, H, W]"),
    ("nms(3, 0.5)", "[9, 4]", "attribute-value", 0, "needs the scores"),
    ("nms(3, 0.5)", "[9, 5], [9]", "wrong-rank", 0, "reads boxes [A, 4], not [9, 5]"),
    ("nms(3, 0.5)", "[9, 4], [8]", "shape-mismatch", 1, "`scores` has a number for each of 9 boxes"),
    ("nms(3, 0.5)", "[9, 4], int64 [9]", "wrong-dtype", 1, "float values"),
    ("nms(3, 0.5)", "[9, 4], [9], int64 [8]", "shape-mismatch", 2, "`apart` has a number for each of 9 boxes"),
    ("nms(3, 0.5)", "[9, 4], [9], [9]", "wrong-dtype", 2, "`apart` holds int64 numbers"),
    ("roi_align(7, 4)", "[9, 4]", "shape-mismatch", 0, "takes boxes and a map"),
    ("roi_align(7, 4)", "[9, 5], [3, 8, 8]", "wrong-rank", 0, "reads boxes [K, 4], not [9, 5]"),
    ("roi_align(7, 4)", "[9, 4], [3, 8]", "wrong-rank", 1, "reads maps [C, H, W], not [3, 8]"),
    ("roi_align(7, 4)", "[9, 4], [3, 8, 8], [4, 4, 4]", "shape-mismatch", 2, "3 and 4 channels"),
    ("roi_align(7, 4)", "[9, 4], float64 [3, 8, 8]", "wrong-dtype", 1, "are float64, its boxes float32"),
    ("roi_align(7x7x7, 4)", "[9, 4], [3, 8, 8]", "wrong-rank", "size", "2"),
    ("take(axis=1)", "unbatched [3, 8], int64 [4]", "shape-mismatch", 1, "an index for each sample"),
    ("take(axis=2)", "[3, 8], unbatched int64 [4]", "attribute-value", "axis", "no axis 2"),
    ("ln(scale=false)", "[3, 8]", "attribute-value", "scale", "no bias without a weight"),
    ("gn(1, shift=false)", "[3, 8]", "attribute-value", "shift", "or neither"),
    ("gn(1, scale=false)", "[3, 8]", "attribute-value", "scale", "or neither"),
    ("rms_norm(2)", "[3, 8]", "attribute-value", "axis", "no axis 2"),
    ("sdpa", "[2, 5, 4], [2, 5, 4]", "shape-mismatch", 1, "not 2 values"),
    ("sdpa", "[5, 4], [5, 4], [5, 4]", "wrong-rank", 0, "reads [heads, T, d]"),
    ("sdpa", "[2, 5, 4], unbatched [2, 5, 4], [2, 5, 4]", "wrong-rank", 1, "not unbatched"),
    ("sdpa", "[2, 5, 4], [2, 7, 6], [2, 7, 4]", "shape-mismatch", 1, "keys of `sdpa` are [2, S, 4] here"),
    ("sdpa", "[2, 5, 4], [2, 7, 4], [2, 6, 4]", "shape-mismatch", 2, "values of `sdpa` are [2, 7, d] here"),
    ("sdpa", "[2, 5, 4], [2, 7, 4], [2, 7, 4], int64 [2, 5, 7]", "wrong-dtype", 3, "a mask is bool, not int64"),
    (
        "sdpa",
        "[2, 5, 4], [2, 7, 4], [2, 7, 4], unbatched [7, 5]",
        "shape-mismatch",
        3,
        "the bias of `sdpa` is [5, 7] or [2, 5, 7]",
    ),
    (
        "sdpa",
        "[2, 5, 4], [3, 2, 7, 4], [3, 2, 7, 4]",
        "wrong-rank",
        1,
        "queries of `sdpa` have 3 axes here, and keys 4",
    ),
    ("sdpa", "[5, 5, 4], [2, 7, 4], [2, 7, 4]", "shape-mismatch", 1, "2 heads of keys cannot serve 5 heads"),
    ("sdpa", "[3, 2, 5, 4], [4, 2, 7, 4], [4, 2, 7, 4]", "shape-mismatch", 1, "are [3, 2, S, 4] here"),
    ("sdpa(causal=true)", "[2, 5, 4], [2, 5, 4], [2, 5, 6]", "attribute-value", "causal", "as many features"),
    ("sdpa", "[2, 5, 4], [2, 7, 4], [2, 7, 4], unbatched bool [7, 5]", "shape-mismatch", 3, "[5, 7] or [2, 5, 7]"),
    (
        "sdpa",
        "[2, 5, 4], [2, 7, 4], [2, 7, 4], bool [5, 7]",
        "shape-mismatch",
        3,
        "a mask of each sample has the 3 axes",
    ),
    (
        "sdpa(causal=true)",
        "[2, 5, 4], [2, 5, 4], [2, 5, 4], unbatched bool [5, 5]",
        "attribute-value",
        "causal",
        "not both",
    ),
    ("attention(2)", "[5, 8], [7, 6]", "shape-mismatch", 1, "tokens [S, 8] as `kv`, not [7, 6]"),
    ("attention(2)", "[5, 8], unbatched [7, 8]", "shape-mismatch", 1, "not unbatched [7, 8]"),
    ("attention(2, causal=true)", "[5, 8], [7, 8]", "attribute-value", "causal", "`kv` is given"),
    ("lstm(4)", "[8]", "wrong-rank", 0, "reads tokens [T, C]"),
    ("gru(4)", "[8, 4, 4]", "wrong-rank", 0, "reads tokens [T, C]"),
    ("lstm(4, dropout=0.1)", "[8, 4]", "attribute-value", "dropout", "between layers, and there is one"),
    ("lstm(4)", "[8, 4], [1, 4]", "attribute-value", 1, "starts from `start` and `cell`, or from zeros"),
    ("gru(4, layers=2)", "[8, 4], [1, 4]", "shape-mismatch", 1, "starts from states [2, 4], not [1, 4]"),
    ("expand", "[1, 4], [3]", "attribute-value", None, "has a batch axis"),
    ("expand", "unbatched [1, 4]", "attribute-value", None, "needs a value with a batch axis"),
    ("expand", "unbatched [4], [3]", "shape-mismatch", 0, "has no leading 1"),
    ("flip(2)", "[8, 4]", "attribute-value", "axes", "has no axis 2"),
    ("flip([0, 0])", "[8, 4]", "attribute-value", "axes", "names an axis twice"),
    ("cumsum(2)", "[8, 4]", "attribute-value", "axis", "has no axis 2"),
    ("slice(1, 5, step=2)", "[4, 4]", "attribute-value", "stop", "asks for more"),
    ("parameter([4], init=ones, std=0.02)", "", "attribute-value", "std", "at random or from a value"),
    ("upsample(2, align_corners=true)", "[3, 8, 8]", "attribute-value", "align_corners", "modes that interpolate"),
    ("masked_fill(0)", "[4, 5]", "attribute-value", None, "needs a mask"),
    ("masked_fill(0)", "[4, 5], [4, 5]", "wrong-dtype", 1, "holds booleans, not float32"),
    ("masked_fill(0)", "[4, 5], bool [5]", "shape-mismatch", 1, "2 axes and 1 axis"),
    ("masked_fill(0)", "[4, 5], bool [4, 4]", "shape-mismatch", 1, "the shapes [4, 5] and [4, 4]"),
    ("grid_sample", "[3, 8, 8]", "attribute-value", None, "needs the places"),
    ("grid_sample", "[3, 8], [8, 1]", "wrong-rank", 0, "a map or a volume"),
    ("grid_sample", "[3, 8, 8], [8, 8, 3]", "shape-mismatch", 1, "[h, w, 2]"),
    ("grid_sample", "[3, 8, 8], unbatched [8, 8, 2]", "shape-mismatch", 1, "[h, w, 2]"),
    ('compare(">")', "[3, 8]", "shape-mismatch", 0, "two values, or one and a number"),
    ('compare(">", 1)', "[3, 8], [3, 8]", "shape-mismatch", 1, "two values, or one and a number"),
    ('compare(">")', "[3, 8], int64 [3, 8]", "wrong-dtype", 1, "int64, not float32"),
    ("choose", "bool [3, 8], [3, 8]", "shape-mismatch", 1, "a mask and two values"),
    ("choose", "[3, 8], [3, 8], [3, 8]", "wrong-dtype", 0, "holds booleans, not float32"),
    ("choose", "bool [3, 8], [3, 8], [3, 9]", "shape-mismatch", 2, "the shapes [3, 8] and [3, 9]"),
    ("dropout(channels=true)", "[8]", "wrong-rank", "channels", "maps of 1 to 3 spatial axes"),
    ("unfold(3)", "[3, 8]", "wrong-rank", 0, "reads maps [C, H, W]"),
    ("unfold(2, pad=same)", "[3, 8, 8]", "attribute-value", "pad", "pads alike on both sides"),
    ("unfold(9)", "[3, 8, 8]", "window-too-large", "window", "larger than its input"),
    ("fold(3, to=8)", "[3, 8, 8]", "wrong-rank", 0, "reads columns [C * 9, windows]"),
    ("fold(3, to=8)", "[10, 36]", "shape-mismatch", 0, "reads columns [C * 9, windows]"),
    ("fold(3, to=8)", "[9, 35]", "shape-mismatch", 0, "has 36 windows, and there are 35"),
    ("fold(2, pad=same, to=8)", "[4, 64]", "attribute-value", "pad", "pads alike on both sides"),
    ("conv(1, 1, parametrization=weight_norm)", "[1, 8]", "attribute-value", "parametrization", "over its norm"),
    ("grid_sample(mode=bicubic)", "[3, 4, 8, 8], [4, 8, 8, 3]", "attribute-value", "mode", "2 spatial axes"),
]
ANY_TYPE = {
    "flatten",
    "identity",
    "split",
    "unbind",
    "permute",
    "reshape",
    "pad",
    "crop",
    "select",
    "slice",
    "tile",
    "roll",
    "flip",
    "expand",
    "take",
    "cast",
}
FLOATS_ONLY = {*catalogue()} - ANY_TYPE - {"embedding", "parameter", "constant", "argmax"}
MISFITS += [
    (call, given.replace("[", "int64 [", 1), "wrong-dtype", 0, "float values")
    for call, given, _ in (kind.examples[0] for name, kind in catalogue().items() if name in FLOATS_ONLY - MERGES)
]


@pytest.mark.parametrize("call, given, code, fault, words", MISFITS)
def test_misfits(call: str, given: str, code: str, fault: str | int, words: str) -> None:
    op = op_of(call)
    with pytest.raises(Misfit) as raised:
        op.infer(*types_of(given))
    misfit = raised.value
    assert (misfit.code, misfit.operand if isinstance(fault, int) else misfit.attribute) == (code, fault)
    assert words in f"{misfit.message} / {misfit.label}"
    assert (misfit.attribute is None) != (misfit.operand is None)
    if misfit.attribute is not None:
        assert misfit.attribute in type(op).fields()


def test_each_code_of_a_misfit_is_a_kind_of_diagnostic() -> None:
    assert set(get_args(get_type_hints(Misfit.__init__)["code"])) == set(kinds.MISFITS)


def test_a_mismatch_of_channels_names_the_convolution_that_mends_it() -> None:
    with pytest.raises(Misfit) as raised:
        op_of("add").infer(*types_of("[256, 56, 56], [64, 56, 56]"))
    assert raised.value.help and "`conv(256, 1x1)`" in raised.value.help


def test_integers_pass_where_nothing_is_computed() -> None:
    (tokens,) = types_of("int64 [4, 6]")
    for call in (
        "flatten",
        "split(2)",
        "identity",
        "permute([1, 0])",
        "reshape([8, 3])",
        "select(0)",
        "slice(1)",
        "tile(2)",
        "roll(1, 0)",
    ):
        assert {t.dtype for t in op_of(call).infer(tokens)} == {"int64"}
    assert op_of("concat").infer(tokens, tokens) == types_of("int64 [8, 6]")
    assert op_of("stack").infer(tokens, tokens) == types_of("int64 [2, 4, 6]")


IMPORTS = """from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


"""
WINDOWS = (("2", "6"), ("2x2", "6, 6"), ("2x2x2", "6, 6, 6"))
HELPED = [
    (call.format(window), f"[4, {sizes}]")
    for call in (
        "conv(4, {}, pad=same)",
        'conv(1, {}, table=["X", "X", "X", "X"])',
        "conv(4, {}, standardize=true)",
        "maxpool({}, 1, pad=same)",
        "avgpool({}, 1, pad=same)",
        "avgpool({}, 1, pad=same, count_pad=false)",
        "locally_connected(4, {})",
        "subsample({})",
    )
    for window, sizes in WINDOWS
]
HELPED += [(f"conv_transpose(4, {window}, 1, pad=same)", f"[4, {sizes}]") for window, sizes in WINDOWS]
HELPED += [("ln(axis=0)", "[4, 6, 6]"), ("attention(2)", "[5, 4]"), ("attention(2, causal=true)", "[5, 4]")]
HELPED += [("permute([1, 0])", "[5, 4]"), ("l2_normalize", "[5]"), ("drop_path", "[5]")]
HELPED += [(name, "[5]") for name in ("abs", "square", "sqrt")]
HELPED += [("rms_norm(axis=0)", "[4, 6, 6]"), ("lstm(4)", "[5, 4]"), ("gru(4)", "[5, 4]")]
HELPED += [("attention(2)", "[5, 4], [7, 4]")]
HELPED += [('constant([5], "i")', ""), ("anchors(32, 1, 8)", "[3, 5, 6]"), ("clip_boxes", "[9, 4], [3, 8, 8]")]
HELPED += [("nms(3, 0.5)", "[9, 4], [9]"), ("roi_align(7, 4)", "[9, 4], [3, 8, 8]")]
HELPED += [("rbf(10)", "[84]"), ("tanh(gain=2)", "[84]"), ("bn(scale=false)", "[4]"), ("bn(shift=false)", "[4, 6, 6]")]


def helper_texts() -> list[str]:
    texts: dict[str, str] = {}
    for call, given in HELPED:
        helper = op_of(call).pytorch(*types_of(given)).helper
        assert helper is not None, call
        assert texts.setdefault(helper.name, helper.text) == helper.text, "one name, one text"
        used = {n for n in ("Any", "Tensor", "math", "torch", "nn", "F") if re.search(rf"\b{n}\b", helper.text)}
        assert used == set(helper.imports), helper.name
    return [text.strip() for text in texts.values()]


@pytest.mark.parametrize("command", ["format --check --diff", "check --select=E,F,W,I,UP,N,RET,SIM"])
def test_what_pytorch_lacks_is_written_as_a_person_would(command: str, tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text(IMPORTS + "\n\n\n".join(helper_texts()) + "\n")
    ruff = Path(sys.executable).parent / "ruff"
    arguments = [*command.split(), "--isolated", "--line-length=120", "--target-version=py311"]
    done = subprocess.run([ruff, *arguments, file], capture_output=True, text=True)
    assert not done.returncode, done.stdout + done.stderr


def test_names_are_in_order() -> None:
    assert all(a < b for a, b in pairwise(catalogue()))
