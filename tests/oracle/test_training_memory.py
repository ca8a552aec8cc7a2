"""Predicted peaks of training steps against real ones: no tolerance."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from archdsl.analyses import Facts
from archdsl.analyses.memory import OptimizerName, Precision, TrainingSettings, settings_of
from archdsl.analyses.memory.step.optimizer import state_bytes, temporaries
from archdsl.analyses.weights import weights
from archdsl.backends.pytorch import build as build_module
from archdsl.backends.pytorch.running.allocations import events, without_scratch
from archdsl.ir import Network, Op, TensorType
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source
from tests.oracle.test_moving_tensors import spec
from tests.oracle.test_ops_torch import case_of, lines
from tests.support import build
from tests.support.live import activation_peak, saved_bytes
from tests.support.steps import inputs, measured, optimizer_of, predicted

torch.set_num_threads(1)
SPECS = Path(__file__).parents[2] / "specs"
SAMPLE = (
    "lenet:LeNet5",
    "mlp:MLP",
    "ciresan:CiresanN4",
    "autoencoder:ConvAutoencoder",
    "siamese:Siamese",
    "resnet_cifar:ResNet20",
    "densenet:DenseNetCifar40_12",
    "fractalnet:FractalNet20",
    "mobilenet_v3:MobileNetV3Small",
    "googlenet:GoogLeNetTorchvisionAux",
)
PLAIN = TrainingSettings()


def network(name: str) -> Network:
    file, _, own = name.partition(":")
    found = open_spec(SPECS / f"{file}.arch").check(own).network
    assert found is not None
    return found


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", SAMPLE)
def test_the_peaks_of_a_step_are_the_real_ones(name: str, batch: int) -> None:
    net = network(name)
    assert predicted(net, batch, PLAIN) == measured(net, batch, PLAIN)


@pytest.mark.parametrize("batch", [1, 2])
def test_the_peaks_of_attention_with_a_bias_are_the_real_ones(batch: int) -> None:
    """Queries, keys and values are views whose heads lie apart."""
    net = spec("shifted windows")
    assert predicted(net, batch, TrainingSettings(loss="mse")) == measured(net, batch, TrainingSettings(loss="mse"))


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    "body",
    [
        "conv(32, 2x2, stride=2) -> flatten",
        "conv(32, 3x3, groups=2) -> flatten",
        "conv(16, 3x3, stride=2, pad=same) -> flatten",
        "conv_transpose(32, 2x2, stride=2) -> flatten",
        "depthwise(3x3) -> flatten",
        "linear_of_channels -> avgpool(global) -> flatten",
        "linear_of_channels -> reduce_mean([1, 2])",
        "linear_of_channels -> reduce_sum([1, 2])",
    ],
)
def test_the_peaks_of_maps_with_channels_last_are_the_real_ones(body: str, batch: int) -> None:
    """Weights then copy their gradient, and the gradient of a mean is in order again."""
    text = f"""
        inline block linear_of_channels {{ permute([1, 2, 0]) -> linear(32) -> permute([2, 0, 1]) }}
        network N {{ input image: [16, 28, 28]; ln(axis=0) -> {body} -> linear(10); output logits }}
    """
    net = open_source(Source("channels_last.arch", text), SPECS).check("N").network
    assert net is not None
    assert predicted(net, batch, PLAIN) == measured(net, batch, PLAIN)


NORMED = (
    "ln(axis=0) -> conv(32, 5x5, groups=2, {}) -> reduce_mean([1, 2])",
    "ln(axis=0) -> conv_transpose(32, 5x5, bias=false, {}) -> reduce_mean([1, 2])",
    "conv(2, 1) -> conv(8, 2x2, pad=same, {}) -> relu -> flatten -> linear(3, {})",
    "conv(4, 1) -> conv_transpose(8, 3x3, stride=2, pad=[[0, 1], [2, 0]], {}) -> reduce_mean([1, 2])",
    "conv_transpose(5, 4x4, pad=[[0, 1], [1, 0]], {}) -> flatten -> linear(2)",
    "flatten(1) -> linear(6) -> linear(60, bias=false, {}) -> permute([1, 0]) -> linear(30, {})",
)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("layers", NORMED)
def test_the_peaks_of_weights_over_their_norms_are_the_real_ones(layers: str, kind: str) -> None:
    net = written(f"input x: [16, 9, 9]\n{layers.replace('{}', f'parametrization={kind}')}")
    frozen = tuple(name for name, _ in build_module(net).named_parameters() if "parametrizations" in name)
    plain = TrainingSettings(loss="mse")
    for settings in (plain, plain._replace(optimizer="adam", precision="bfloat16"), plain._replace(freeze=frozen)):
        for batch in (1, 3):
            is_known = not settings.freeze or Facts(net, batch).training(settings).status == "exact"
            assert not is_known or predicted(net, batch, settings) == measured(net, batch, settings)
            assert settings.freeze or Facts(net, batch).training(settings).status == "exact"


def derived(line: str, *, is_lower: bool = False) -> Network | None:
    """An operator whose floating-point operands are each multiplied by a learned number, so that all need gradients; or come
    from a dense layer, so that autocast has them in lower precision.

    None where there is no gradient, or where the test has no such input.
    """
    operator, types = case_of(line)
    entering = [t._replace(strides=None) for t in types if t.batched]
    if any(t.places or not t.rank for t in entering) or any(not t.is_float for t in types if not t.batched):
        return None
    body, values = build.network("Derived", *((f"input{i}", t) for i, t in enumerate(entering)))
    given, operands = iter(values), []
    for i, t in enumerate(types):
        if not t.batched:
            operands.append(body.one(build.op("parameter", t.shape), label=f"learned{i}"))
            continue
        value = next(given)
        if t.is_float and is_lower:
            value = body.one(build.op("linear", t.shape[-1]), value, label=f"lower{i}")
        elif t.is_float:
            factor = body.one(build.op("parameter", [1] * t.rank), label=f"factor{i}")
            value = body.one(build.op("multiply"), value, factor)
        operands.append(value)
    (result, *_) = body.each(operator, *operands, label="layer")
    is_usable = result.type.is_float and result.type.batched and operator.is_derived_exactly(types)
    is_usable &= any(t.is_float for t in operator.read(types))
    return build.finish(body, result) if is_usable else None


@pytest.mark.parametrize("line", lines())
def test_every_operator_is_derived_as_pytorch_does(line: str) -> None:
    net = derived(line)
    if net is not None:
        settings = TrainingSettings(loss="mse")
        assert predicted(net, 3, settings) == measured(net, 3, settings)


@pytest.mark.parametrize("line", lines())
def test_what_is_frozen_keeps_what_it_really_does(line: str) -> None:
    """Each parameter frozen by itself, and all of them, while what comes before is trained."""
    net = derived(line)
    if net is None:
        return
    names = [name for name, _ in build_module(net).named_parameters()]
    own = tuple(name for name in names if name.startswith("layer."))
    for frozen in {own, *((name,) for name in own)} - {(), tuple(names)}:
        settings = TrainingSettings(loss="mse", freeze=frozen)
        if Facts(net, 3).training(settings).status == "exact":
            assert predicted(net, 3, settings) == measured(net, 3, settings)


MIXED = TrainingSettings(loss="mse", precision="bf16-mixed", autocast="cpu")


@pytest.mark.parametrize("line", [*lines()][::4])
def test_what_is_said_to_be_exact_under_autocast_is(line: str) -> None:
    net = derived(line)
    if net is not None and Facts(net).training(MIXED).status == "exact":
        assert predicted(net, 3, MIXED) == measured(net, 3, MIXED)


@pytest.mark.parametrize("line", [*lines()][1::4])
def test_so_is_what_is_of_values_in_lower_precision(line: str) -> None:
    net = derived(line, is_lower=True)
    if net is not None and Facts(net).training(MIXED).status == "exact":
        assert predicted(net, 2, MIXED) == measured(net, 2, MIXED)


@pytest.mark.parametrize("is_lower", [False, True])
@pytest.mark.parametrize(
    "line", [line for line in lines() if line.startswith(("prelu", "unbind", "grid_sample", "lrn"))]
)
def test_autocast_may_find_another_precision_in_each_value(line: str, is_lower: bool) -> None:
    net = derived(line, is_lower=is_lower)
    if net is not None:
        entering = "lower0.*" if is_lower else "factor0"
        for settings in (MIXED, *([MIXED._replace(freeze=(entering,))] if "prelu" in line else [])):
            if Facts(net, 3).training(settings).status == "exact":
                assert predicted(net, 3, settings) == measured(net, 3, settings)


STEPWISE = (
    "conv(5, 3x3, parametrization=weight_norm)",
    "conv(5, 3x3, bias=false, pad=[[0, 1], [1, 0]], parametrization=spectral_norm)",
    "conv(5, 3x3, pad=same, stride=2, standardize=true)",
    'conv(3, 3x3, pad=same, stride=2, table=["XX.", ".XX", "X.X"])',
    "conv_transpose(5, 2x2, 2, parametrization=weight_norm)",
    "depthwise(3x3, pad=[[0, 1], [1, 0]])",
    "conv(3, 1) -> lrn(3)",
    "subsample(2x2)",
)


@pytest.mark.parametrize("frozen", [(), ("part.0",)])
@pytest.mark.parametrize("layer", STEPWISE)
def test_what_a_layer_makes_in_its_middle_is_cast_as_pytorch_does(layer: str, frozen: tuple[str, ...]) -> None:
    net = written(f"input x: [3, 9, 9]\nconv(3, 1) -> bn -> part: {{ {layer} -> relu }}\nconv(2, 1)")
    for settings in (MIXED._replace(freeze=frozen), MIXED._replace(freeze=frozen, checkpoint=("part",))):
        assert Facts(net, 2).training(settings).status == "exact"
        assert predicted(net, 2, settings) == measured(net, 2, settings)


@pytest.mark.parametrize("name", [*SAMPLE[5:], "mlp:MLP", "resnet:ResNet18", "efficientnet:EfficientNetB0"])
def test_the_peaks_of_a_step_under_autocast_are_the_real_ones(name: str) -> None:
    """Each as the other settings have it: a CPU's autocast leaves norms and softmax in lower precision."""
    net, settings = network(name), MIXED._replace(optimizer="adam", loss="cross-entropy")
    assert Facts(net).training(settings).status == "exact"
    assert predicted(net, 2, settings) == measured(net, 2, settings)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_peaks_of_attention_under_autocast_are_the_real_ones(batch: int) -> None:
    text = (SPECS / "vit.arch").read_text("utf-8") + "network Small = ViT(16, 2, 192, 3, size=96)\n"
    net = open_source(Source("vit.arch", text), SPECS).check("Small").network
    assert net is not None
    settings = MIXED._replace(optimizer="adam", loss="cross-entropy")
    assert Facts(net).training(settings).status == "exact"
    assert predicted(net, batch, settings) == measured(net, batch, settings)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "body",
    [
        "[5, 8]\nlinear(8) -> rms_norm -> linear(3)",
        "[5, 8]\nrms_norm -> linear(3)",
        "[8, 4, 4]\nconv(8, 1) -> rms_norm(axis=0) -> linear(5)",
    ],
)
def test_the_peaks_of_rms_norm_are_the_real_ones_whatever_is_frozen(body: str, batch: int) -> None:
    net = written(f"input x: {body}")
    precisions: tuple[Precision, ...] = ("float32", "bfloat16", "bf16-mixed", "fp16-mixed")
    for precision, frozen in product(precisions, ((), ("0*",), ("1*",))):
        settings = TrainingSettings(loss="mse", precision=precision, autocast="cpu", freeze=frozen)
        assert Facts(net, batch).training(settings).status == "exact"
        assert predicted(net, batch, settings) == measured(net, batch, settings)


BEHIND_TOKENS = (
    "conv(5, 3x3) -> relu -> flatten -> linear(3)",
    "conv(5, 3x3) -> tanh -> flatten -> relu -> linear(3)",
    "conv(5, 3x3) as map -> flatten -> relu -> linear(3) -> add { | identity | map -> flatten -> linear(3) }",
    "maxpool(2x2) -> flatten -> linear(3)",
    "add { | conv(6, 3x3, pad=1) -> relu | identity } -> flatten(1) -> permute([1, 0]) -> reshape([6, 8, 8]) -> conv(2, 3x3)",
)


@pytest.mark.parametrize("settings", [TrainingSettings(loss="mse"), MIXED._replace(loss="none")])
@pytest.mark.parametrize("layers", BEHIND_TOKENS)
def test_maps_made_of_permuted_tokens_lie_otherwise_for_a_single_sample(
    layers: str, settings: TrainingSettings
) -> None:
    """PyTorch gives the batch axis of such a view another stride then, and no convolution finds channels last."""
    net = written(f"input x: [64, 6]\nlinear(6) -> permute([1, 0]) -> reshape([6, 8, 8]) -> {layers} as y")
    facts, module = Facts(net), build_module(net)
    for batch in (1, 2):
        assert facts.training(settings, batch).status == "exact"
        assert predicted(net, batch, settings) == measured(net, batch, settings)
        given = torch.randn(batch, 64, 6)
        assert facts.memory_at(batch).activation_peak == activation_peak(module.eval(), given)
        assert facts.memory_at(batch).saved.bytes == saved_bytes(module.train(), given)


def test_what_nobody_reads_is_given_up_before_more_is_made() -> None:
    """A sum goes to `_`, and a call beside it to no name at all."""
    unread = "x -> scale(-0.5) as scaled\nx -> permute([0, 1]) as same\n"
    net = written(f"input x: [4, 60]\n{unread}x -> linear(200) -> linear(3) as y")
    settings = TrainingSettings(loss="mse")
    assert predicted(net, 2, settings) == measured(net, 2, settings)


@pytest.mark.parametrize("settings", [TrainingSettings(accumulate=2), TrainingSettings(zero_grad="never")])
@pytest.mark.parametrize("batch", [1, 2])
def test_gradients_add_up_where_the_first_pass_put_them(batch: int, settings: TrainingSettings) -> None:
    """Of one sample that of a token is a part of the gradient of all tokens, and stays so."""
    arms = "| token: parameter([1, 1, 8]) | identity | another: parameter([1, 1, 8])"
    net = written(f"input x: [6, 8]\nlinear(8) -> concat {{ {arms} }} -> ln -> flatten -> linear(3) as y")
    assert predicted(net, batch, settings) == measured(net, batch, settings)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_parameter_takes_over_a_part_of_what_lies_in_order_for_one_sample(batch: int) -> None:
    """Of a gradient with tokens before samples each half is in order then, and the other half stays with it."""
    arms = "| identity | learned: parameter([1, 4, 6])"
    net = written(f"input x: [4, 6]\nlinear(6) -> concat {{ {arms} }} -> rnn(3) as y")
    settings = TrainingSettings(loss="mse", zero_grad="late")
    assert predicted(net, batch, settings) == measured(net, batch, settings)


@pytest.mark.parametrize("line", lines())
def test_views_are_known(line: str) -> None:
    """Results that are views of what an operator made on the way: overwriting them would cost copies in backward."""
    net = derived(line)
    if net is None:
        return
    node = net.body.nodes[-1]
    assert isinstance(node.operator, Op)
    result = build_module(net)(*inputs(net, 2))
    if result._is_view():
        assert node.operator.is_view(*node.operand_types) or node.operator.gives_view(*node.operand_types)


@pytest.mark.parametrize(
    "text",
    [
        "input x: [2, 6, 8]\nsdpa { | x | x -> a: linear(8) | x -> b: linear(8) }",
        "input x: [4, 6, 8]\nprelu(per_channel=true)",
    ],
)
def test_some_kernels_make_gradients_that_nobody_needs(text: str) -> None:
    """Those of the data: of the queries, and of what the activation reads."""
    net = open_source(Source("net.arch", f"network Net {{\n{text}\noutput y\n}}"), Path()).check("Net").network
    assert net is not None
    settings = TrainingSettings(loss="mse")
    assert predicted(net, 2, settings) == measured(net, 2, settings)


def test_what_runs_on_data_keeps_nothing() -> None:
    """Local response normalization before anything that is learned: its tensors come and go as in inference."""
    x = TensorType((6, 9, 9))
    net = build.sequence(build.op("lrn", 5), build.op("avgpool", "global"), build.op("linear", 4), input=x)
    settings = TrainingSettings(loss="mse")
    assert predicted(net, 2, settings) == measured(net, 2, settings)


def test_activations_behind_dense_layers_of_tokens_are_not_in_place() -> None:
    """PyTorch sees the result of such a layer in a matrix, and autograd would copy both ways."""
    x = TensorType((33, 64))
    net = build.sequence(build.op("linear", 64), build.op("relu"), build.op("linear", 64), input=x)
    settings = TrainingSettings(loss="mse")
    assert predicted(net, 2, settings) == measured(net, 2, settings)


def written(text: str) -> Network:
    found = open_source(Source("net.arch", f"network Net {{\n{text}\noutput y\n}}"), Path()).check("Net").network
    assert found is not None
    return found


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize(
    "layer",
    [
        "lstm(24) -> linear(7) -> select(-1)",
        "lstm(24, layers=3, dropout=0.3) -> select(-1)",
        "lstm(24, layers=2, bidirectional=true, dropout=0.3) -> reduce_max(0)",
        "lstm(24, layers=2, bias=false, final=true) as z, s, c\nadd { | s | c } -> select(0)",
    ],
)
def test_the_peaks_of_an_lstm_are_the_real_ones(layer: str, batch: int) -> None:
    """Also of one that is not trained, whose kernel makes its workspace all the same."""
    net = written(f"input words: int64 [9]\nembedding(50, 20) -> {layer} -> linear(3)")
    frozen = tuple(name for name, _ in build_module(net).named_parameters() if "_l" in name or name.startswith("0."))
    for settings in (TrainingSettings("adam"), TrainingSettings("momentum", zero_grad="late", freeze=frozen)):
        assert Facts(net, batch).training(settings).status == "exact"
        assert predicted(net, batch, settings) == measured(net, batch, settings)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("input x: [70]\nsoftsign -> relu -> linear(1)", TrainingSettings(loss="mse")),
        (
            "input x: [4, 5]\npermute([1, 0]) -> linear(70) -> permute([1, 0]) -> linear(3)",
            TrainingSettings(loss="mse"),
        ),
        ("input x: [4, 8, 8]\nln(axis=-1) as t\np: parameter([8, 3]) as w\nmatmul { | t | w }", MIXED),
        ("input x: [4, 8, 8]\nln(axis=-1) as t\np: parameter([3, 8]) as w\nmatmul { | w | t }", MIXED),
        ("input x: [1, 8, 8]\nrelu as r -> conv(6, 1) -> upsample(like=r) -> tile(times=2, axis=0)", MIXED),
        (
            "input x: [8, 6, 6]\nconv(8, 1) as y -> dropout\ny -> a: { dropout -> conv(8, 3) } -> relu6",
            TrainingSettings(loss="none"),
        ),
    ],
)
def test_what_random_networks_found(text: str, settings: TrainingSettings) -> None:
    """A number that is a tensor, a bias that is added in place, factors that are cast from the last to the first, a tensor
    that lends its sizes and is not cast, and an activation that copies what it overwrites when the operand of the group
    before it is gone.
    """
    net = written(text)
    assert predicted(net, 2, settings) == measured(net, 2, settings)


FOUND = {
    "layer norm of a permuted sum": (
        "input image: [8, 4, 4]\nconv(8, 1) -> flatten(1) -> permute([1, 0]) as x\n"
        "add { | x | x -> ln -> linear(32) -> gelu -> linear(8) } -> ln -> linear(5)",
        TrainingSettings(loss="mse"),
    ),
    "frozen weights under autocast": (
        "input x: [400]\nlinear(90, bias=false) -> ln -> relu -> linear(80) -> relu -> linear(3)",
        MIXED._replace(freeze=("0", "3")),
    ),
    "what is frozen whole": (
        """
        input x: [6, 8]
        linear(8) -> f: { bn -> attention(2, dropout=0.3) -> gru(4, layers=2, dropout=0.2) } -> linear(3)
        """,
        TrainingSettings(loss="mse", freeze=("f",)),
    ),
    "the same at the start": (
        "input x: [60, 8]\nf: { bn -> attention(2, dropout=0.3) } -> linear(3)",
        TrainingSettings(loss="mse", freeze=("f",)),
    ),
    "a frozen norm that runs twice": (
        "input x: [3, 8, 8]\nconv(4, 3x3) -> f: { bn -> relu -> conv(4, 3x3) } -> conv(3, 3x3) -> flatten",
        TrainingSettings(loss="mse", freeze=("f.0",), checkpoint=("f",)),
    ),
    "a learned factor under autocast": (
        "input x: [40, 8]\nfactor: parameter([8], init=ones) as g\nx -> linear(8) -> multiply(g) -> linear(8)",
        MIXED,
    ),
    "dense layers that run twice": (
        "input x: [6, 24]\nlinear(24) -> part: { ln -> linear(96) -> gelu -> linear(24) -> dropout(0.1) } -> linear(3)",
        TrainingSettings(loss="mse", checkpoint=("part",)),
    ),
    "a head that the loss does not read": (
        "input x: [24]\nlinear(24) as z\noutput first = linear(3)\nz -> linear(40)",
        TrainingSettings("adagrad", loss="mse"),
    ),
    "squares of a permuted result": (
        "input x: [10, 8]\nln -> linear(8, bias=false) -> ln -> linear(30, bias=false) -> permute([1, 0])",
        TrainingSettings(loss="mse"),
    ),
    "attention that runs twice": (
        "input x: [6, 24]\nlinear(24) -> part: { ln -> attention(3) -> dropout(0.1) } -> linear(3)",
        TrainingSettings(loss="mse", checkpoint=("part",)),
    ),
    "few maps": ("input x: [3, 8, 8]\nlrn -> conv(3, 3x3) -> lrn(size=1) -> conv(1, 1)", TrainingSettings(loss="mse")),
    "few maps behind what is frozen": (
        "input x: [3, 8, 8]\nconv(3, 3x3) -> lrn(beta=0.5) -> softsign -> conv(1, 1)",
        TrainingSettings(loss="mse", freeze=("0*",)),
    ),
    "few maps that run twice": (
        "input x: [3, 8, 8]\nconv(3, 1) -> part: { lrn -> softsign -> conv(3, 3x3) } -> conv(1, 1)",
        TrainingSettings(loss="mse", checkpoint=("part",)),
    ),
    "columns": (
        """
        input x: [6, 8, 8]
        conv(6, 3x3) -> permute([1, 0, 2]) -> unfold(3x3, pad=1) -> permute([1, 0]) -> linear(27)
        permute([1, 0]) -> fold(3x3, pad=1, to=6x6) -> permute([2, 0, 1]) -> conv(4, 3x3) -> flatten -> linear(3)
        """,
        TrainingSettings(loss="mse"),
    ),
    "a learned row of what meets itself permuted": (
        "input x: [6, 8]\nlinear(8)\nconcat(axis=0) { | identity | row: parameter([1, 2, 8]) } as k\n"
        "matmul { | k | k -> permute([1, 0]) }",
        TrainingSettings("adam", zero_grad="late", loss="mse"),
    ),
    "a learned row of what meets itself in order": (
        "input x: [6, 8]\nlinear(8)\nconcat(axis=0) { | identity | row: parameter([1, 2, 8]) } as k\n"
        'einsum("q c, k c -> q k") { | k | k }',
        TrainingSettings("adam", zero_grad="late", loss="mse"),
    ),
    "steps in float32": (
        "input x: [5, 8]\nlinear(8) -> rms_norm(eps=1e-6) -> linear(8) -> add { | in | rms_norm -> linear(8) } -> rms_norm",
        TrainingSettings("adam", loss="mse", precision="bfloat16"),
    ),
    "steps in float32 along channels": (
        "input x: [6, 8, 8]\nconv(8, 3x3) -> rms_norm(axis=0) -> permute([1, 2, 0]) -> rms_norm -> linear(3)",
        TrainingSettings(loss="mse", precision="float16"),
    ),
    "a gradient that meets a view of another": (
        """
        input image: [4, 6, 6]
        bn -> sigmoid as t
        concat { | t | conv(4, 1) } -> conv(1, 6) -> flatten
        """,
        TrainingSettings(loss="mse"),
    ),
    "a copy of what is overwritten": (
        "input x: [3, 5]\nlinear(5) -> shift(2) -> flip(axes=1) -> hard_swish -> flatten -> linear(2)",
        TrainingSettings(loss="mse"),
    ),
    "a copy of what is overwritten behind a cast": (
        "input image: [4, 8, 8]\nroll(shift=2, axes=1)\nconv(2, 1) -> hard_swish",
        TrainingSettings(loss="none", precision="bf16-mixed", autocast="cpu"),
    ),
    "a pool of permuted rows": (
        "input x: [3, 4]\nconv(3, 1) -> permute([1, 0]) -> maxpool(2, 1)",
        TrainingSettings(loss="none"),
    ),
    "a pool of permuted rows that runs twice": (
        "input x: [3, 6]\nconv(3, 1) -> permute([1, 0])\npart: { maxpool(2) -> linear(4) }\nlinear(2)",
        TrainingSettings(loss="none", checkpoint=("part",)),
    ),
    "rows that are put back and overwritten": (
        "input x: [3, 8]\nmaxpool(3) as p\nconv(3, 3, pad=1) -> unpool(of=p) -> relu -> linear(5)",
        TrainingSettings(loss="mse"),
    ),
    "a gradient that is picked before another one comes": (
        "input x: [2, 4, 4]\nconv(2, 1) -> maxpool(1) as p\nconv(2, 1) as t\n"
        "add { | scale(2) | t -> unpool(of=p) } -> reduce_sum(axes=[0, 1, 2])",
        TrainingSettings(loss="none"),
    ),
    "a cast that a kernel makes for itself": (
        "input x: [3, 8]\nmaxpool(3, pad=1) as p\nconv(3, 3, pad=1) -> unpool(of=p)",
        TrainingSettings(loss="none", precision="bf16-mixed", autocast="cpu"),
    ),
    "the same of frozen values": (
        "input x: [2, 6, 6]\nc: conv(2, 1)\npad(1, mode=reflect) -> conv(1, 1)",
        TrainingSettings(loss="none", precision="bf16-mixed", autocast="cpu", freeze=("c",)),
    ),
    **{
        f"a frozen volume before {pool}": (
            f"input x: [2, 4, 4, 4]\nc: conv(2, 1)\n{pool} -> conv(2, 1)",
            TrainingSettings(loss="mse", precision="bf16-mixed", autocast="cpu", freeze=("c",)),
        )
        for pool in ("avgpool(2)", "avgpool(global)", "maxpool(2)", "maxpool(global)", "adaptive_maxpool(2)")
    },
    "a volume that is padded with its mirror image": (
        "input x: [2, 4, 4, 4]\nconv(2, 1) -> pad(1, mode=reflect) -> conv(2, 1)",
        MIXED,
    ),
    "a pool over one axis before what is learned": (
        "input x: [4, 40]\nmaxpool(2) -> conv(2, 3) -> flatten -> linear(2)",
        TrainingSettings(loss="mse"),
    ),
    "casts of permuted values": (
        """
        input x: [6, 8]
        linear(8) -> permute([1, 0]) -> cast(float64) -> relu -> cast(bfloat16) -> tanh -> cast(float32)
        part: { linear(6) -> tanh -> cast(float64) } -> cast(float32) -> linear(3)
        """,
        TrainingSettings(loss="mse", checkpoint=("part",)),
    ),
    "a result in half precision": ("input x: [4, 6, 8]\nconv(4, 3x3) -> cast(float16)", TrainingSettings(loss="mse")),
    "a learned matrix that is read twice": (
        """
        input x: [6, 8]
        w: parameter([8, 8]) as w
        x -> linear(8) as z
        matmul { | z | w } -> tanh as u
        matmul { | u | w } -> linear(3)
        """,
        TrainingSettings(loss="mse"),
    ),
    "the same, cast once": (
        """
        input x: [6, 8]
        w: parameter([8, 8]) as w
        matmul { | x | w } -> tanh as u
        matmul { | u | w } -> linear(3)
        """,
        MIXED,
    ),
    "learned matrices for each head": (
        "input x: [4, 6, 8]\nw: parameter([4, 8, 50]) as w\nx -> linear(8) as z\nmatmul { | z | w } -> linear(3)",
        TrainingSettings(loss="mse"),
    ),
    "a learned matrix before others": (
        "input x: [6, 8]\nw: parameter([50, 6]) as w\nx -> linear(8) as z\nmatmul { | w | z } -> linear(3)",
        TrainingSettings(loss="none"),
    ),
    "a learned row": (
        "input x: [6, 8]\nw: parameter([1, 6]) as w\nx -> linear(8) as z\nmatmul { | w | z } -> linear(3)",
        TrainingSettings(loss="none"),
    ),
    "dense layers that are shared": (
        "input x: [8]\nshared s = linear(8)\nlinear(8, bias=false) -> s -> relu -> s -> relu -> s -> linear(3)",
        MIXED._replace(optimizer="adam"),
    ),
    "weights over their largest singular value that are shared": (
        "input x: [4, 9]\nshared c = conv(4, 3, pad=1, parametrization=spectral_norm)\nc -> tanh -> c -> flatten",
        TrainingSettings(loss="mse"),
    ),
    "boxes that are clipped": (
        "input i: [3, 20, 30]\ninput b: [4, 50]\nb -> linear(50) -> permute([1, 0]) -> clip_boxes(to=i)",
        TrainingSettings("adam", loss="mse"),
    ),
    "a part that ends with a norm of several kernels": (
        "input x: [8, 8, 8]\nconv(8, 3x3) -> part: { conv(8, 3x3) -> lrn } -> flatten -> linear(3)",
        TrainingSettings(loss="mse", checkpoint=("part",)),
    ),
    "a part that ends with a weight over its norm": (
        "input x: [5, 6]\nlinear(6) -> part: { linear(7, parametrization=spectral_norm) } -> linear(3)",
        TrainingSettings(loss="mse", checkpoint=("part",)),
    ),
    "a part that ends with attention as it is written": (
        "input x: [4, 5, 4]\nlinear(4) -> part: { linear(4) as q\nq -> linear(6) as v\nsdpa { | q | q | v } } -> linear(3)",
        TrainingSettings(loss="mse", checkpoint=("part",)),
    ),
    "convolutions that are shared": (
        "input x: [4, 8, 8]\nshared c = conv(4, 3x3, pad=1)\nconv(4, 1) -> c -> relu -> c -> relu -> c -> flatten -> linear(3)",
        MIXED._replace(optimizer="adam"),
    ),
    "a product of three": (
        """
        input x: [7, 7, 5]
        g: parameter([1, 1, 1]) as g
        x -> multiply(g) -> permute([0, 2, 1]) as a
        w: parameter([5, 7]) as b
        c: constant([5, 5], "0.5 * i") as c
        einsum("k j l, i k, j i -> ") { | a | b | c }
        """,
        TrainingSettings(loss="mse"),
    ),
    "a product of four": (
        """
        input x: [6, 8]
        input y: [6, 8]
        x -> linear(8) as a
        x -> linear(5) as b
        x -> linear(4) as c
        einsum("t i, s j, t k, s i -> j k") { | a | b | c | y }
        """,
        TrainingSettings(loss="mse"),
    ),
    "the sum of a convolution": (
        "input x: [8, 8, 6]\nlinear(6) -> permute([2, 0, 1]) -> conv(5, 3x3, pad=1)",
        TrainingSettings(loss="none"),
    ),
}
CONVOLUTIONS = {
    "a convolution": "input x: [6, 8, 8]\nconv(6, 3x3) -> c: conv(50, 3x3) -> relu",
    "with a stride": "input x: [6, 80]\nconv(6, 3) -> c: conv(50, 1, 2) -> relu",
    "depthwise": "input x: [6, 8, 8]\nconv(6, 3x3) -> c: depthwise(3x3) -> relu",
    "transposed": "input x: [6, 8, 8]\nconv(6, 3x3) -> c: conv_transpose(50, 3x3) -> relu",
}


REPEATED = (
    "p: parameter([6]) as p\nadd(x, p) -> add(p)",
    "p: parameter([8, 6]) as p -> scale(2) as z\nadd(x, z) -> add(z) -> sigmoid -> multiply(z)",
    "p: parameter([1, 1, 6]) as p\nadd(x, p) -> add(p) -> linear(6) -> add(p)",
    "p: parameter([2, 1, 7])\nshared t = linear(7)\nadd { | t | relu -> t }",
    "p: parameter([1, 2, 7])\nshared t = linear(7, bias=false)\nadd { | t | relu -> t }",
    "p: parameter([1, 1, 7])\nshared t = linear(7)\nadd { | sigmoid -> t | relu -> t }",
    "p: parameter([8, 6]) as p\nq: parameter([1, 8, 6]) as q\nmultiply { | p | q | x }",
    "p: parameter([1]) as p\nq: parameter([1, 8, 6]) as q\nmultiply { | q | p | x }",
    "q: parameter([1, 8, 6]) as q\nadd { | q -> ln | q | x -> linear(6) } -> ln",
    "p: parameter([6]) as p\naverage { | p -> relu | p | x -> linear(6) }",
)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("body", REPEATED)
def test_gradients_of_what_is_learned_and_read_again_meet_as_they_really_do(body: str, batch: int) -> None:
    """A sum over repetitions that loses axes is a view, into which nothing is added; of operators that reshape gradients the
    one that was created last hands its own on first."""
    net = written(f"input x: [8, 6]\n{body}")
    for settings in (TrainingSettings(loss="mse"), TrainingSettings("adam", loss="none", accumulate=2)):
        assert predicted(net, batch, settings) == measured(net, batch, settings)


POOLS = ("avgpool(global)", "avgpool(3, 1, pad=1)", "maxpool(3, 1, pad=1)", "maxpool(global)", "adaptive_avgpool(1)")


@pytest.mark.parametrize("size", ["2, 12", "2, 6, 6"])
@pytest.mark.parametrize("pool", POOLS)
def test_gradients_of_pools_of_rows_are_views(pool: str, size: str) -> None:
    net = written(f"input x: [{size}]\nconv(2, 3, pad=1) -> relu\nadd {{ | leaky_relu | {pool} }}")
    settings = TrainingSettings(loss="none")
    assert predicted(net, 2, settings) == measured(net, 2, settings)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("arms", ["x -> linear(6) | p", "p | x -> linear(6)", "x -> linear(6) | p -> relu | p"])
def test_gradients_of_operands_are_as_precise_as_their_kernel(arms: str, batch: int) -> None:
    net = written(f"input x: [8, 6]\np: parameter([8, 6]) as p\nadd {{ | {arms} }}")
    settings = TrainingSettings(loss="none", precision="bf16-mixed", autocast="cpu")
    is_exact = Facts(net, batch).training(settings).status == "exact"
    assert is_exact == (arms.count("|") == 1)
    assert not is_exact or predicted(net, batch, settings) == measured(net, batch, settings)


APART = (
    "permute([1, 2, 0])",
    "permute([0, 2, 1])",
    "reshape([8, 4, 8]) -> permute([1, 0, 2])",
    "split(2, axis=1) as a, _\na",
)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    "options", ["", ", bias=false", ", parametrization=weight_norm", ", parametrization=spectral_norm"]
)
@pytest.mark.parametrize("moved", APART)
def test_frozen_weights_multiply_samples_apart(moved: str, options: str, batch: int) -> None:
    net = written(f"input x: [4, 8, 8]\nconv(4, 1) -> {moved} -> f: linear(6{options}) -> sigmoid -> linear(3)")
    weights = "f.parametrizations.*" if "param" in options else "f.weight"
    for frozen in ("f", weights):
        settings = TrainingSettings(loss="mse", freeze=("0", frozen))
        assert Facts(net, batch).training(settings).status == "exact"
        assert predicted(net, batch, settings) == measured(net, batch, settings)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_frozen_weights_beside_a_bias_get_a_gradient_with_it(name: str) -> None:
    net, settings = written(CONVOLUTIONS[name]), TrainingSettings(loss="mse", freeze=("c.weight",))
    assert [Facts(net, batch).training(settings).status for batch in (1, 3)] == ["estimate", "exact"]
    assert predicted(net, 3, settings) == measured(net, 3, settings)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", FOUND)
def test_what_networks_of_others_found(name: str, batch: int) -> None:
    text, settings = FOUND[name]
    net = written(text)
    assert Facts(net, batch).training(settings).status == "exact"
    assert predicted(net, batch, settings) == measured(net, batch, settings)


def test_who_runs_convolutions_of_float16_depends_on_the_processor() -> None:
    """Without oneDNN there is a gradient of the weights only where it is wanted."""
    net = written("input image: [3, 6, 6]\nconv(6, 3x3, pad=1)")
    settings = TrainingSettings(precision="float16", freeze=("0.weight",))
    assert Facts(net, 8).training(settings).status == "estimate"
    assert Facts(net, 8).training(settings._replace(freeze=())).status == "exact"
    assert Facts(net, 8).training(settings._replace(precision="bfloat16")).status == "exact"


SETTINGS = {
    "adam": TrainingSettings("adam"),
    "late": TrainingSettings("momentum", zero_grad="late"),
    "added up": TrainingSettings("momentum", weight_decay=True, zero_grad="never"),
    "foreach": TrainingSettings("adam", weight_decay=True, implementation="foreach"),
    "sum": TrainingSettings("rmsprop", loss="none"),
    "squares": TrainingSettings("rmsprop", weight_decay=True, loss="mse"),
    "bfloat16": TrainingSettings("adam", precision="bfloat16"),
    "float16": TrainingSettings("nesterov", weight_decay=True, precision="float16"),
    "accumulated": TrainingSettings("adamw", accumulate=3),
    "adagrad": TrainingSettings("adagrad", implementation="foreach"),
}


NETWORKS = ["lenet:LeCun1989", "lenet:LeNet5", "resnet_cifar:ResNet20", "siamese:Siamese"]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_settings_change_a_step_as_they_really_do(name: str, settings: TrainingSettings) -> None:
    net = network(name)
    assert predicted(net, 3, settings) == measured(net, 3, settings)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_frozen_costs_what_it_really_does(name: str) -> None:
    """The first half of the layers, as for transfer learning, and every other one."""
    net = network(name)
    layers = list(dict.fromkeys(key.rpartition(".")[0] or key for key in weights(net)))
    for frozen in (layers[: len(layers) // 2], layers[::2]):
        settings = TrainingSettings("adamw", freeze=tuple(frozen))
        assert predicted(net, 3, settings) == measured(net, 3, settings)
        assert Facts(net, 3).training(settings).status == "exact"


SIZES = [(1000, 7000, 3000, 9000, 2000, 10), (1000, 10), (1000,), (1,)]
OPTIMIZERS = [
    TrainingSettings(name, decay, implementation)  # type: ignore[arg-type]
    for name, decay, implementation in product(get_args(OptimizerName), (False, True), ("for-loop", "foreach", "fused"))
    if not (name.startswith("rmsprop") and implementation == "fused")
]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("sizes", SIZES, ids=sum)
@pytest.mark.parametrize("settings", OPTIMIZERS, ids=lambda s: f"{s.optimizer} {s.implementation} {s.weight_decay}")
def test_an_optimizer_keeps_and_makes_what_it_really_does(
    settings: TrainingSettings, sizes: tuple[int, ...], dtype: str
) -> None:
    parameters = [nn.Parameter(torch.ones(size, dtype=getattr(torch, dtype))) for size in sizes]
    bytes = [p.nbytes for p in parameters]
    optimizer = optimizer_of(settings, parameters)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    kept = [t for state in optimizer.state.values() for t in state.values() if isinstance(t, torch.Tensor)]
    assert sum(t.nbytes for t in kept) == sum(state_bytes(settings, size) for size in bytes)
    now = most = 0
    for event in without_scratch(events(optimizer.step)):
        now += event.bytes
        most = max(most, now)
    assert most == sum(temporaries(settings, bytes, [1] * len(sizes)))


@pytest.mark.parametrize(("frozen", "trains"), [("a", False), ("b", True), ("*", False)])
def test_a_step_trains_something_or_pytorch_refuses_it(frozen: str, trains: bool) -> None:
    """The loss is that of the first output."""
    text = "network A { input x: [8]; a: linear(4) as h; output first = h; x -> b: linear(4); output second }"
    net = open_source(Source("", text), Path()).check("A").network
    assert net is not None
    settings = TrainingSettings(freeze=(frozen,))
    assert Facts(net, 2).training(settings).trains is trains
    with nullcontext() if trains else pytest.raises((RuntimeError, ValueError), match=r"require grad|empty parameter"):
        measured(net, 2, settings)


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "fp16-mixed"])
@pytest.mark.parametrize(
    "layer",
    [
        "masked_fill(-1e9, mask=absent)",
        "masked_fill(-65_504, mask=absent)",
        "masked_fill(1e39, mask=absent)",
        "clamp(max=1e5)",
        "clamp(min=-3e4)",
        "hard_tanh(0, 7e4)",
        "pad(1, value=1e6)",
    ],
)
def test_numbers_that_a_precision_does_not_reach_are_refused(layer: str, precision: str) -> None:
    """As PyTorch refuses them, and no others."""
    text = f"network N {{ input x: [4, 8]; input absent: bool [4, 8]\n x -> linear(8) -> {layer} -> softmax(-1) }}"
    net = open_source(Source("masked.arch", text), Path()).check("N").network
    assert net is not None
    settings = settings_of({"precision": precision, "autocast": "cpu"})
    try:
        measured(net, 2, settings)
    except RuntimeError as error:
        assert "without overflow" in str(error)
        assert Facts(net, 2).training(settings).refused
    else:
        assert not Facts(net, 2).training(settings).refused


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    "view", ["permute([0, 1])", "reshape([3, 3])", "flatten -> reshape([3, 3])", "reshape([-1, 3])"]
)
def test_a_view_in_the_same_order_is_another_tensor(view: str, batch: int) -> None:
    """Nothing is summed in a gradient that came through one."""
    text = f"network N {{ input x: [3, 3]\n linear(3) -> relu as q\n subtract(q) -> {view} -> sigmoid }}"
    net = open_source(Source("views.arch", text), Path()).check("N").network
    assert net is not None
    settings = TrainingSettings(loss="none")
    assert predicted(net, batch, settings) == measured(net, batch, settings)
