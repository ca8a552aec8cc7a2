"""The work of backward against PyTorch's own counter, on the meta device.

The counter has two gaps. Of a grouped convolution it counts the gradient of the weights as if there were no groups; and
it counts all pairs of a convolution with a table.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from archdsl.analyses import Facts
from archdsl.analyses.cost import totals, works
from archdsl.analyses.memory import TrainingSettings
from archdsl.analyses.weights import frozen_in
from archdsl.backends.pytorch import build, checkpoint
from archdsl.ir import Flat, Network, flatten
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source

SPECS = Path(__file__).parents[2] / "specs"
SAMPLE = [
    "alexnet:AlexNet",
    "alexnet:AlexNetGrouped",
    "autoencoder:Autoencoder",
    "densenet:DenseNet121",
    "efficientnet:EfficientNetB0",
    "googlenet:GoogLeNetTorchvisionAux",
    "inception_v3:InceptionV3",
    "mlp:MLP",
    "mobilenet_v3:MobileNetV3Large",
    "resnet:ResNet50",
    "resnext:ResNeXt50_32x4d",
    "senet:SEResNet50",
    "siamese:Siamese",
    "vgg16:VGG16",
    "xception:Xception",
]


def gap(flat: Flat) -> int:
    """What the counter counts too much: the pairs between groups that do not exist."""
    return sum(
        (layer.op.attributes.get("groups", layer.operand_types[0].channels) - 1)
        * layer.op.macs(layer.operand_types, layer.result_types)
        for layer in flat.layers
        if layer.op.name == "depthwise" or (layer.op.attributes.get("groups", 1) > 1 and layer.op.category == "conv")
    )


SEQUENCES = """
block heads(count) { reshape([in.shape[0], count, in.features // count]) -> permute([1, 0, 2]) }
network Net {
  input x: [6, 8]
  input memory: [9, 8]
  x -> first: BEGIN(5, layers=3, bidirectional=true) -> second: lstm(8) -> third: gru(8) as own
  memory -> keys: linear(8) as pixels
  own -> fourth: attention(2, kv=memory) -> fifth: attention(4, kv=pixels) -> sixth: attention(2) as seen
  sdpa { | seen -> heads(2) | memory -> heads(2) | pixels -> heads(2) }
  output y
}"""


@pytest.mark.parametrize("which", SAMPLE)
def test_backward_is_counted_as_pytorch_counts_it(which: str) -> None:
    file, name = which.split(":")
    check(open_spec(SPECS / f"{file}.arch").check(name).network)


@pytest.mark.parametrize("begin", ["lstm", "gru"])
def test_backward_of_sequences(begin: str) -> None:
    check(open_source(Source("net.arch", SEQUENCES.replace("BEGIN", begin)), Path()).check("Net").network)


def check(network: Network | None) -> None:
    assert network is not None
    flat = flatten(network, training=True)
    module = build(network, device="meta").train()
    inputs = [torch.empty(2, *t.shape, device="meta") for t in network.input_types]
    with FlopCounterMode(display=False) as forward:
        results = module(*inputs)
    loss = sum(r.sum() for r in (results if isinstance(results, tuple) else (results,)))
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    said = totals(works(flat))
    assert forward.get_total_flops() == 2 * 2 * said[0]
    assert backward.get_total_flops() == 2 * 2 * (said[1] + gap(flat))


def test_nothing_is_done_for_what_no_output_reads() -> None:
    """Scores that only choose a row of a table, and a layer whose result is left."""
    choice = "x -> codes: linear(5) -> argmax(-1) as chosen\n table: parameter([5, 4], std=1) -> take(chosen) as rows"
    text = f"network Net {{ input x: [6, 4]\n {choice}\n rows -> linear(3) -> relu -> linear(2) as left\n rows -> linear(4) }}"
    check(open_source(Source("net.arch", text), Path()).check("Net").network)


STEPS = [
    ("resnet:ResNet18", ("conv1", "bn1", "layer1"), ()),
    ("resnet:ResNet18", ("layer2", "fc.weight"), ("layer*.*",)),
    ("resnet:ResNet18", ("*.*.conv1",), ("layer1", "layer1.*")),
    ("vgg16:VGG16", ("features",), ()),
    ("mlp:MLP", ("*.weight",), ()),
    ("googlenet:GoogLeNetTorchvisionAux", ("inception3a", "inception3b.branch2"), ("inception4*",)),
    ("resnet_cifar:ResNet20", ("layer1.0",), ("layer2",)),
    ("inception_v3:InceptionV3", ("Mixed_5*",), ()),
]


@pytest.mark.parametrize("which, frozen, checkpointed", STEPS)
def test_steps_with_frozen_and_checkpointed_parts(
    which: str, frozen: tuple[str, ...], checkpointed: tuple[str, ...]
) -> None:
    file, name = which.split(":")
    network = open_spec(SPECS / f"{file}.arch").check(name).network
    assert network is not None
    check_step(network, TrainingSettings(freeze=frozen, checkpoint=checkpointed))


@pytest.mark.parametrize("begin", ["lstm", "gru"])
@pytest.mark.parametrize(
    "frozen",
    [("first",), ("keys", "fourth"), ("fourth.in_proj_*", "first"), ("*.out_proj", "keys"), ("*.weight_ih_*",)],
)
def test_steps_with_frozen_parts_of_sequences(begin: str, frozen: tuple[str, ...]) -> None:
    network = open_source(Source("net.arch", SEQUENCES.replace("BEGIN", begin)), Path()).check("Net").network
    assert network is not None
    check_step(network, TrainingSettings(freeze=frozen))


RECURRENT = """
network Net {
  input x: [6, 8]
  input rows: [4, 5]
  x -> before: linear(8) as tokens
  rows -> start: linear(5) as states
  tokens -> r: WHICH(5, layers=2, bidirectional=trueSTART) -> after: linear(3)
}"""


@pytest.mark.parametrize("which, states", [("lstm", "states, cell=states"), ("gru", "states"), ("rnn", "states")])
@pytest.mark.parametrize("is_started", [False, True])
@pytest.mark.parametrize(
    "trained",
    [
        ("after",),
        ("start", "after.bias"),
        ("before",),
        ("r",),
        ("r.weight_hh_l0",),
        ("r.bias_hh_l0_reverse",),
        ("r.weight_ih_l1",),
        ("r.bias_ih_l1_reverse", "after"),
        ("before.bias", "r.weight_hh_l1_reverse"),
    ],
)
def test_backward_of_recurrent_layers_of_which_little_is_trained(
    which: str, states: str, is_started: bool, trained: tuple[str, ...]
) -> None:
    text = RECURRENT.replace("WHICH", which).replace("START", f", start={states}" if is_started else "")
    network = open_source(Source("net.arch", text), Path()).check("Net").network
    assert network is not None
    if not is_started and trained[0] == "start":
        trained = trained[1:]
    module = build(network, device="meta").train()
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(any(name == t or name.startswith(f"{t}.") for t in trained))
    results = module(*(torch.empty(2, *t.shape, device="meta") for t in network.input_types))
    with FlopCounterMode(display=False) as counter:
        results.sum().backward()
    frozen = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    assert counter.get_total_flops() == 2 * 2 * totals(works(flatten(network, training=True), frozen))[1]


@pytest.mark.parametrize("which", ["lstm", "gru", "rnn"])
def test_frozen_recurrent_layers_have_no_backward(which: str) -> None:
    text = RECURRENT.replace("WHICH", which).replace("START", "")
    network = open_source(Source("net.arch", text), Path()).check("Net").network
    assert network is not None
    assert Facts(network).step_macs(TrainingSettings(freeze=("*",)))[1] == 0


def test_what_has_no_batch_axis_works_once_for_a_batch() -> None:
    """Biases by position that a small network makes."""
    biases = 'places: constant([49, 2], "(i - j) / 49") -> linear(16) -> relu -> linear(8) as biases'
    text = f"network Net {{ input x: [49, 8]\n {biases}\n x -> linear(8) -> add(biases) -> linear(3) }}"
    network = open_source(Source("net.arch", text), Path()).check("Net").network
    assert network is not None
    check_step(network, TrainingSettings())


SHARED = """
block cell(state: tensor) { concat { | in | state } -> linear(6) -> tanh -> linear(4) -> tanh }
network Net {
  input x: [3, 4]
  x -> select(0) as states[]
  shared step = cell()
  for i in 0..<3 { x -> select(i) -> step(states[-1]) as states[] }
  states[-1]
}"""


@pytest.mark.parametrize(
    "last", ['conv(5, 3, parametrization="weight_norm")', "conv(5, 2, pad=same)", "conv(5, 3, standardize=true)"]
)
def test_the_last_layer_of_a_part_does_not_run_again(last: str) -> None:
    """What it makes of its weight or its input does."""
    text = f"network Net {{ input x: [3, 6, 6]\n part: {{ conv(4, 3) -> relu -> {last} }} -> relu }}"
    network = open_source(Source("net.arch", text), Path()).check("Net").network
    assert network is not None
    check_step(network, TrainingSettings(checkpoint=("part",)))


@pytest.mark.parametrize("arguments", ["4", "4, bias=false", "4, dropout=0.1", "4, causal=true", "4, kv=in"])
@pytest.mark.parametrize("frozen", [(), ("a.out_proj*",), ("a.in_proj*",)])
@pytest.mark.parametrize("checkpointed", [("a",), ("part",), ("part", "part.a")])
def test_the_last_layer_of_attention_that_ends_a_part_does_not_run_again(
    arguments: str, frozen: tuple[str, ...], checkpointed: tuple[str, ...]
) -> None:
    name = checkpointed[-1].partition(".")[0]
    body = f"part: {{ linear(16) -> a: attention({arguments}) }}" if name == "part" else f"a: attention({arguments})"
    text = f"network Net {{ input x: [12, 16]\n linear(16); {body}\n reduce_mean(0) -> f: linear(4) }}"
    network = open_source(Source("net.arch", text), Path()).check("Net").network
    assert network is not None
    prefix = "part." if name == "part" else ""
    check_step(network, TrainingSettings(freeze=tuple(prefix + n for n in frozen), checkpoint=checkpointed))


@pytest.mark.parametrize("checkpointed", [("step",), ("step", "step.*")])
def test_steps_with_several_uses_of_one_instance(checkpointed: tuple[str, ...]) -> None:
    network = open_source(Source("net.arch", SHARED), Path()).check("Net").network
    assert network is not None
    check_step(network, TrainingSettings(checkpoint=checkpointed))


HEADS = """
network Net {
  input x: [3, 8, 8]
  conv(4, 3x3) -> relu as trunk
  training { trunk; repeat 20 { conv(4, 3x3, pad=1) }; flatten -> aux: linear(10); output aux }
  trunk -> conv(5, 1x1)
  output maps
  trunk
  repeat 20 { conv(4, 3x3, pad=1) }
  flatten -> linear(7)
  output scores
}"""


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_step_has_the_loss_of_the_first_output(accumulate: int) -> None:
    network = open_source(Source("net.arch", HEADS), Path()).check("Net").network
    assert network is not None
    check_step(network, TrainingSettings(accumulate=accumulate))


EARLY = """
network Net {
  input x: [4]
  linear(4) as h
  training { output early = h }
  output small = h -> linear(3)
  OUTPUT
}"""


@pytest.mark.parametrize("output", ["", "output large = h -> linear(300) -> linear(300)"])
def test_a_step_has_the_loss_of_the_first_output_beside_those_of_training(output: str) -> None:
    network = open_source(Source("net.arch", EARLY.replace("OUTPUT", output)), Path()).check("Net").network
    assert network is not None
    module = build(network, device="meta").train()
    results = module(torch.empty(2, 4, device="meta"))
    with FlopCounterMode(display=False) as backward:
        results.small.sum().backward()
    assert backward.get_total_flops() == 2 * 2 * Facts(network).step_macs(TrainingSettings())[1]


def check_step(network: Network, settings: TrainingSettings) -> None:
    """Forward, what runs again and backward, in one step; parts of which nothing is trained do not run again."""
    module = build(network, device="meta").train()
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name not in frozen_in(network, settings.freeze))
    checkpoint(module, *settings.checkpoint)
    inputs = [torch.empty(2, *t.shape, device="meta") for t in network.input_types]
    with FlopCounterMode(display=False) as counter:
        for _ in range(settings.accumulate):
            results = module(*inputs)
            (results[0] if isinstance(results, tuple) else results).sum().backward()
    found = Facts(network, 2).roofline("cpu", settings=settings)
    assert counter.get_total_flops() == found.flops
