"""One class for several instances of a block: each of them is what a class for it alone would be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from archdsl.backends.pytorch import build, emit
from archdsl.ir import Network
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]


def network(text: str) -> Network:
    found = open_source(Source("test.arch", text), ROOT).check("N").network
    assert found is not None
    return found


def test_a_loop_over_layers_is_one_only_where_they_grow_evenly() -> None:
    """The activation changes half way, which no parameter of the block says."""
    net = network("""
        block unit(growth, act: layer) { conv(growth, 3x3, pad=1) -> act -> conv(growth, 3x3, pad=1) }
        block dense {
          in as maps[]
          for i in 1..4 { maps -> concat -> "l{i}": unit(8, relu if i > 2 else gelu) as maps[] }
          maps -> concat
        }
        network N { input image: [8, 8, 8]; a: dense }
    """)
    module: Any = build(net)
    dense = module.a
    assert [type(layer[1]) for layer in dense.children()] == [nn.GELU, nn.GELU, nn.ReLU, nn.ReLU]
    assert [layer[0].in_channels for layer in dense.children()] == [8, 16, 24, 32]
    even = network("""
        block unit(growth) { conv(growth, 3x3, pad=1) -> relu }
        block dense { in as maps[]; repeat 4 { maps -> concat -> "l{len(maps)}": unit(8) as maps[] }; maps -> concat }
        network N { input image: [8, 8, 8]; a: dense }
    """)
    assert "for i in range(4):" in emit(even)
    module = build(even)
    assert [layer[0].in_channels for layer in module.a.children()] == [8, 16, 24, 32]


def test_a_parameter_named_as_a_counter_is_not_hidden_by_the_loop() -> None:
    net = network("""
        block unit(channels, i) { conv(channels, 3x3, pad=1) -> relu -> conv(i, 1x1) -> relu }
        block stage(i) { for c in 1..5 { add { | unit(c, i) | conv(i, 1x1) } } }
        network N { input image: [8, 8, 8]; a: stage(3); b: stage(5) }
    """)
    module = build(net)
    widths = [m.out_channels for m in module.modules() if isinstance(m, nn.Conv2d)]
    assert widths == [w for i in (3, 5) for c in range(1, 6) for w in (c, i, i)]


def test_a_stride_that_differs_keeps_the_padding_of_each() -> None:
    """`pad=same` takes unlike rows for a stride of 2 on an even size, and like rows for the rest: one class says both."""
    net = network("""
        block sep(channels, window, stride) {
          relu -> depthwise(window, stride, pad=same, bias=false) -> conv(channels, 1x1) -> bn -> relu
        }
        network N { input image: [4, 12, 11]; a: sep(6, 3x3, 1); b: sep(4, 5x5, 2); c: sep(8, 3x3, 2); d: sep(8, 5x5, 3) }
    """)
    assert emit(net).count("class ") == 3, "the padded convolution, the block, the network"
    module = build(net).eval()
    x = y = torch.randn(2, 4, 12, 11)
    paddings = {"a": (1, 1, 1, 1), "b": (2, 2, 1, 2), "c": (0, 1, 0, 1), "d": (1, 1, 1, 1)}
    for name, rows in paddings.items():
        unit = getattr(module, name)
        depthwise = unit[1]
        y = F.conv2d(F.pad(F.relu(y), rows), depthwise.weight, stride=depthwise.stride, groups=y.shape[1])
        y = F.relu(unit[3](unit[2](y)))
    assert torch.equal(module(x), y)


@pytest.mark.parametrize("even", [False, True])
def test_a_choice_of_the_spec_is_made_by_its_condition(even: bool) -> None:
    net = network(f"""
        block unit(width, stride) {{
          conv1: conv(width, 3 if stride != 1 else 1, stride, pad=half) -> bn1: bn -> relu
          conv2: conv(width, {"5" if even else "1"}x1, pad={"[2, 0]" if even else "0"}) -> bn2: bn -> relu
        }}
        network N {{ input image: [4, 12, 12]; a: unit(6, 1); b: unit(4, 2); c: unit(8, 2) }}
    """)
    assert "3 if stride != 1 else 1" in emit(net)
    module = build(net)
    assert [getattr(module, name).conv1.kernel_size for name in "abc"] == [(1, 1), (3, 3), (3, 3)]


def test_widths_that_are_rounded_down_are_a_loop() -> None:
    """PyramidNet's widths by the formula of Han, Kim & Kim 2017, equation 3: floor(16 + alpha k / N)."""
    for alpha, name in ((48, "PyramidNet110_48"), (84, "PyramidNet110_84")):
        net = open_spec(ROOT / "specs/pyramidnet.arch").check(name).network
        assert net is not None
        text = emit(net)
        assert text.count("Basic(") < 12
        assert " // " in text
        module: Any = build(net, "meta")
        units = [unit for layer in (module.layer1, module.layer2, module.layer3) for unit in layer]
        assert [unit.conv2.out_channels for unit in units] == [16 + alpha * k // 54 for k in range(1, 55)]
        assert [unit.conv1.in_channels for unit in units] == [16 + alpha * k // 54 for k in range(54)]


def test_statements_alike_but_for_names_are_one() -> None:
    """The arms of the choice name what they make differently, and the class has one text for what follows."""
    net = network("""
        inline block brought(before: tensor, channels) {
          if before.channels != in.channels {
            first: conv(channels, 1x1) as h
            before -> other: conv(channels, 1x1) -> norm: bn as p
            return h, p
          } else {
            before -> early: conv(channels, 3x3, pad=1) as q
            in -> first: conv(channels, 1x1) as g
            return g, q
          }
        }
        block cell(before: tensor, channels) {
          brought(before, channels) as h, p
          concat {
            | p
            | add { | h -> a: conv(channels, 3x3, pad=1) | p }
            | multiply { | p -> b: conv(channels, 1x1) | h }
          }
        }
        network N {
          input image: [8, 6, 6]
          stem: conv(6, 1x1) as x
          one: cell(image, 4) as y
          two: cell(x, 4) as z
          z -> three: cell(y, 5)
        }
    """)
    assert emit(net).count("class ") == 2
    module: Any = build(net).eval()
    image = torch.randn(2, 8, 6, 6)

    def cell(unit: Any, x: Tensor, before: Tensor) -> Tensor:
        h = unit.first(x)
        p = unit.norm(unit.other(before)) if x.shape[1] != before.shape[1] else unit.early(before)
        return torch.cat([p, unit.a(h) + p, unit.b(p) * h], dim=1)

    x = module.stem(image)
    y = cell(module.one, x, image)
    z = cell(module.two, y, x)
    torch.testing.assert_close(module(image), cell(module.three, z, y), rtol=1e-5, atol=1e-6)
    assert [hasattr(getattr(module, name), "norm") for name in ("one", "two", "three")] == [True, True, False]


def test_rates_that_grow_are_a_loop_with_the_same_rates() -> None:
    """Stochastic depth of Huang et al. 2016, section 3.1: rates grow by one fraction from block to block."""
    net = network("""
        block unit(rate) { add { | in | conv: conv(8, 3x3, pad=1) -> relu -> drop: drop_path(rate) } }
        network N { input image: [8, 6, 6]; body: { for i in 0..<12 { unit(0.4 * i / 11) } } }
    """)
    assert emit(net).count("Unit(") == 2, "the class and one call"
    module: Any = build(net)
    rates = [unit.drop.p for unit in module.body]
    assert rates == [float(Fraction(2, 5) * i / 11) for i in range(12)]


def test_a_constant_of_one_axis_has_the_size_of_its_instance() -> None:
    net = network("""
        block tail(n) { linear(n) -> add { | identity | places: constant([n], "i / 2", persistent=false) } }
        network N { input image: [8]; a: tail(4); b: tail(6) }
    """)
    assert emit(net).count("class ") == 2
    module: Any = build(net)
    x = torch.randn(2, 8)
    assert torch.equal(module(x), module.b["0"](module.a["0"](x) + torch.arange(4) / 2) + torch.arange(6) / 2)


def test_a_layer_whose_weight_is_made_brings_the_class_that_it_is_of() -> None:
    net = network("""
        network N { input signal: [4, 20]; conv(4, 3, 2, pad=same, bias=false, groups=2, parametrization=weight_norm) }
    """)
    assert "class PaddedConv1d(" in emit(net)
    assert build(net)(torch.randn(2, 4, 20)).shape == (2, 4, 10)


@pytest.mark.parametrize("shared", ["conv(4, 3, 2, pad=p)", "{ conv(4, 3, 2, pad=p) -> identity }"])
def test_uses_of_one_layer_on_even_and_odd_maps_are_padded_alike(shared: str) -> None:
    """Though the map of 121 rows could be padded in the way that another instance needs for that of 120."""
    net = network(f"""
        block pair(other: tensor, p) {{ shared stem = {shared}; in -> stem as x; other -> stem as y; return x, y }}
        network N {{
          input a: [3, 121, 121]
          input b: [3, 120, 120]
          a -> one: pair(b, 1) as p, q
          b -> two: pair(b, same) as r, _
          output p = p; output q = q; output r = r
        }}
    """)
    module = build(net)
    a, b = torch.randn(2, 3, 121, 121), torch.randn(2, 3, 120, 120)
    one, two = (m for m in module.modules() if isinstance(m, nn.Conv2d))
    p, q, r = module(a, b)
    assert torch.equal(p, F.conv2d(a, one.weight, one.bias, 2, 1))
    assert torch.equal(q, F.conv2d(b, one.weight, one.bias, 2, 1))
    assert torch.equal(r, F.conv2d(F.pad(b, (0, 1, 0, 1)), two.weight, two.bias, 2))


@pytest.mark.parametrize("shared", ["conv(4, 5, 4, pad=same)", "{ conv(4, 5, 4, pad=same) -> conv(4, 3, 2, pad=1) }"])
def test_uses_of_one_layer_that_its_sizes_pad_otherwise_are_one_module(shared: str) -> None:
    """The second layer of the block is padded as `same` would for the map of 5 rows, and not for that of 6."""
    net = network(f"""
        network N {{
          input a: [4, 17, 17]
          input b: [4, 22, 22]
          input c: [4, 24, 24]
          shared stem = {shared}
          a -> stem as p; b -> stem as q; c -> stem as r
          output p = p; output q = q; output r = r
        }}
    """)
    module = build(net)
    first, *rest = (m for m in module.modules() if isinstance(m, nn.Conv2d))
    given = [torch.randn(2, 4, rows, rows) for rows in (17, 22, 24)]
    for x, (before, after), found in zip(given, [(2, 2), (1, 2), (0, 1)], module(*given), strict=True):
        expected = F.conv2d(F.pad(x, (before, after, before, after)), first.weight, first.bias, 4)
        for conv in rest:
            expected = F.conv2d(expected, conv.weight, conv.bias, 2, 1)
        assert torch.equal(found, expected)


def test_tokens_have_a_length() -> None:
    net = network("""
        block halve { slice(0, in.shape[0] - 1) -> permute([1, 0]) -> avgpool(2) -> permute([1, 0]) }
        network N { input tokens: [17, 32]; halve -> halve }
    """)
    text = emit(net)
    assert "def __init__(self, length: int)" in text and "Halve(17), Halve(8)" in text
    assert "in_channels" not in text and "hidden" not in text
    x = torch.randn(2, 17, 32)
    pairs = x[:, :16].unflatten(1, (8, 2)).mean(2)
    torch.testing.assert_close(build(net)(x), pairs[:, :6].unflatten(1, (3, 2)).mean(2))


def test_signals_have_channels() -> None:
    net = network("""
        block widen { slice(0, in.shape[0] // 2) -> conv(4 * in.channels, 3, pad=1) }
        network N { input signal: [4, 100]; widen -> widen }
    """)
    text = emit(net)
    assert "def __init__(self, in_channels: int)" in text and "self.hidden = in_channels // 2" in text
    assert [m.in_channels for m in build(net).modules() if isinstance(m, nn.Conv1d)] == [2, 8]


def test_a_map_with_features_last_has_sides() -> None:
    net = network("""
        block merge {
          linear(4 * in.features) -> reshape([in.shape[0] // 2, in.shape[1] // 2, 16 * in.features]) as patches
          add { | patches | patches -> ln }
        }
        network N { input image: [8, 32, 32]; permute([1, 2, 0]) -> merge -> merge }
    """)
    text = emit(net)
    assert "def __init__(self, side: int, in_features: int)" in text and "self.size = side // 2" in text
    module = build(net)
    assert [m.in_features for m in module.modules() if isinstance(m, nn.Linear)] == [8, 128]
    assert module(torch.randn(2, 8, 32, 32)).shape == (2, 8, 8, 2048)


def test_a_size_that_is_worked_out_has_no_name_of_a_parameter() -> None:
    net = network("""
        block pyramid(size) {
          reshape([in.shape[0] // 2, 2 * in.features]) -> linear(size) as y
          add { | y | y -> ln }
        }
        network N { input frames: [32, 8]; pyramid(8) -> pyramid(8) }
    """)
    text = emit(net)
    assert "def __init__(self, length: int)" in text and "self.size_2 = length // 2" in text
    assert build(net)(torch.randn(2, 32, 8)).shape == (2, 8, 8)


def test_a_number_of_a_formula_is_an_argument() -> None:
    """A band of each width is one class, and `i - j >= 4` in its place is what PyTorch computes by hand."""
    net = network("""
        block band(window, scale) {
          let T = in.shape[0]
          hidden: constant([T, T], "i - j >= {window}", persistent=false) as hide
          weights: constant([T, T], "(i + j) % {2 * window - 1} * {scale}") as weights
          matmul { | in | in -> permute([1, 0]) } -> masked_fill(-1e9, mask=hide) -> multiply(weights)
        }
        network N { input x: [16, 8]; linear(8) -> band(4, 0.5) -> linear(8) -> band(6, 0.25) -> linear(8) -> band(9, 2.5) }
    """)
    text = emit(net)
    assert text.count("class ") == 2 and "def __init__(self, window: int, scale: float)" in text
    assert "lambda i, j: i - j >= window" in text and "lambda i, j: (i + j) % (2 * window - 1) * scale" in text
    bands: list[Any] = [m for m in build(net).modules() if hasattr(m, "hidden")]
    rows = torch.arange(16)
    differences, sums = rows[:, None] - rows, rows[:, None] + rows
    for band, window, scale in zip(bands, (4, 6, 9), (0.5, 0.25, 2.5), strict=True):
        assert torch.equal(band.hidden, differences >= window)
        assert torch.equal(band.weights, sums % (2 * window - 1) * scale)


def test_whole_numbers_of_a_formula_stay_whole() -> None:
    """2 makes int64 of an index, and 0.5 float32, so that no parameter is both."""
    net = network("""
        block scaled(factor) { factors: constant([4], "i * {factor}") -> cast(float32) as f; multiply { | in | f } }
        network N { input x: [4]; scaled(2) -> scaled(0.5) -> scaled(3) }
    """)
    factors: list[Any] = [m.factors for m in build(net).modules() if hasattr(m, "factors")]
    assert [f.dtype for f in factors] == [torch.int64, torch.float32, torch.int64]
    assert [f.tolist() for f in factors] == [[0, 2, 4, 6], [0.0, 0.5, 1.0, 1.5], [0, 3, 6, 9]]


def test_normed_convolutions_of_other_sizes_are_one_class() -> None:
    net = network("""
        block unit(channels, window, dilation = 1) {
          conv(channels, window, pad=dilation * (window // 2), dilation=dilation, parametrization=weight_norm) -> relu
          add { | in | conv(in.channels, 1, parametrization=weight_norm) }
        }
        network N { input x: [4, 64]; unit(4, 3, 3) -> unit(4, 5, 5) -> unit(4, 7, 9) }
    """)
    module = build(net)
    found = [(m.kernel_size[0], m.dilation[0], m.padding[0]) for m in module.modules() if isinstance(m, nn.Conv1d)]
    assert found == [(3, 3, 3), (1, 1, 0), (5, 5, 10), (1, 1, 0), (7, 9, 27), (1, 1, 0)]
    assert module(torch.randn(2, 4, 64)).shape == (2, 4, 64)
    assert "padding=dilation * (window // 2)" in emit(net) and emit(net).count("class ") == 2


def test_a_class_that_is_told_apart_twice_keeps_the_parameters_of_the_spec() -> None:
    """Which of the instances without `up` demodulate says nothing about the one with it. Karras et al. 2020, section 2.2."""
    net = network("""
        block unit(style: tensor, channels, demodulate = true, up = false) {
          style -> affine: linear(in.channels) -> shift(1) as s
          multiply { | in | s -> reshape([-1, 1, 1]) }
          if up { upsample(2) }
          conv: conv(channels, 3x3, pad=half, bias=false) as y
          if demodulate {
            s -> square -> reduce_sum(0, keep=true) -> reshape([1, 1, 1]) as d
            multiply { | y | d }
          }
        }
        network N {
          input x: [8, 4, 4]
          input w: [6]
          x -> a: unit(w, 8) -> b: unit(w, 8, up=true) -> rgb: unit(w, 3, demodulate=false)
        }
    """)
    text = emit(net)
    assert "def __init__(self, channels: int, demodulate: bool = True, up: bool = False)" in text
    assert "if not self.up and not self.demodulate:" in text
    module = build(net)
    x, w = torch.randn(2, 8, 4, 4), torch.randn(2, 6)
    y = x
    for name, demodulate, up in (("a", True, False), ("b", True, True), ("rgb", False, False)):
        unit = getattr(module, name)
        s = unit.affine(w) + 1
        y = y * s[:, :, None, None]
        y = unit.conv(F.interpolate(y, scale_factor=2) if up else y)
        y = y * s.square().sum(1)[:, None, None, None] if demodulate else y
    torch.testing.assert_close(module(x, w), y)


COINCIDENCES = {
    "a rate that is absent where a width is asked for": (
        "block unit(a, b) { conv(max(a, b), 3x3, pad=half); if b == 1 { scale(a / b) } }",
        "for i in 1..4 { unit(i, 1 + i % 2) }",
    ),
    "a bias of a condition, and a rate": (
        "block unit(a, b) { conv(max(a, b), 3x3, pad=half, bias=a > b); if b == 1 { scale(a / b) } }",
        "for i in 1..4 { unit(i, 1 + i % 2) }",
    ),
    "a bias where others have none to settle": (
        """block pair(a, b) { one: conv(a, 1x1); conv(a, 1x1, bias=b > 2); repeat b { repeat b { conv(a, 1x1, bias=a > b) } } }
        block unit(a, b) { scale(a / b); pair(b, a); conv(a, 1x1) }""",
        "for i in 1..4 { unit(i, 2) }",
    ),
    "a rate by a fraction": ("block unit(a, b) { elu(0.1 * a); conv(max(a, b), 1x1) }", "for i in 1..5 { unit(i, 2) }"),
    "a condition on a fraction": (
        "block unit(a, b) { if 0.1 * a > b { relu }; conv(a if a > 0.5 * b else b, 1x1) }",
        "unit(20, 1); unit(2, 1); unit(5, 11); unit(4, 3)",
    ),
}


@pytest.mark.parametrize("case", COINCIDENCES)
def test_values_that_agree_by_chance_are_no_source(case: str) -> None:
    """The same network with its blocks inline has no classes to share: the same tensors, and the same results from them."""
    blocks, calls = COINCIDENCES[case]
    text = f"{blocks}\nnetwork N {{ input x: [3, 4, 4]; {calls} }}"
    found = build(network(text))
    flat = build(network(text.replace("block ", "inline block ").replace("one: ", "")))
    values = list(found.state_dict().values())
    assert [t.shape for t in values] == [t.shape for t in flat.state_dict().values()]
    flat.load_state_dict(dict(zip(flat.state_dict(), values, strict=True)))
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(found(x), flat(x))


def test_a_bias_is_asked_for_as_in_the_spec() -> None:
    text = emit(
        network("\nnetwork N { input x: [3, 4, 4]; ".join(COINCIDENCES["a bias of a condition, and a rate"]) + " }")
    )
    assert "bias=a > b)" in text and "bias: bool" not in text
