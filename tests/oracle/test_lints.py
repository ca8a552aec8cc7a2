"""What lints call idle, unread or without effect is so: what they advise is done, and PyTorch gives the same."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor

from archdsl.backends.pytorch import build
from archdsl.lints import Graph, lints
from archdsl.ops import find, names
from archdsl.pipeline import open_source
from archdsl.source import Diagnostic, Edit, Source
from archdsl.source.edits import applied
from tests.support.lowered import forms, lowered, results, sample, tensors

REDUNDANT = {
    "bias-before-norm",
    "ignored-input",
    "relu-after-relu",
    "single-arm",
    "unreachable-value",
    "unread-rows",
    "unused-allow",
    "unused-import",
    "unused-tap",
}
"""Lints after which nothing of what the network computes depends on what they point at."""

NUMBERED, UNNUMBERED = "dropout(0)", "identity"
"""What gives back what it reads, with a number in its scope as other layers have it, and without one as a shared instance."""


def network_of(*body: str) -> str:
    return "\n".join(["network A {", "  input x: [4, 6, 6]", *(f"  {line}" for line in body), "}"])


SHARED_CONV = "shared c = conv(4, 3x3, pad=1)"
VARIED = {
    "bias: one use without a norm": network_of(SHARED_CONV, "c -> bn -> c -> relu"),
    "bias: a norm behind each use": network_of(SHARED_CONV, "c -> bn -> relu -> c -> bn"),
    "bias: a use beside the norm": network_of(SHARED_CONV, "c -> bn as a", "x -> c -> add(a)"),
    "bias: of tokens": "network A {\n  input x: [4, 6]\n  linear(4) -> bn\n}",
    "bias: depthwise and transposed": network_of("depthwise(3x3) -> bn", "conv_transpose(4, 2x2, stride=2) -> bn"),
    "bias: one block with and without": (
        "block unit(last: layer) { conv(4, 3x3, pad=1) -> last }\n" + network_of("unit(bn) -> unit(relu)")
    ),
    "bias: turns with and without": network_of("for n in [1, 0] { conv(4, 1x1); if n == 1 { bn } else { relu } }"),
    "bias: tokens and features": "inline block unit { linear(4) -> bn }\n" + network_of("unit -> flatten -> unit"),
    "relu: bicubic": network_of("relu -> upsample(2, mode=bicubic) -> relu"),
    "relu: bilinear": network_of("relu -> upsample(2, mode=bilinear) -> crop(1) -> avgpool(2x2) -> relu"),
    "relu: padding": network_of("relu -> pad(1, value=-1) -> relu"),
    "relu: shared": network_of("shared r = relu", "r -> conv(4, 1x1) -> r -> r"),
    "relu: given as a layer": "block unit(last: layer) { relu -> last }\n" + network_of("unit(relu) -> unit(tanh)"),
    "relu: of a part": network_of("sigmoid -> split(2) as a, b", "a -> relu -> add(b)"),
    "relu: in a loop": network_of("repeat 3 { maxpool(3x3, stride=1, pad=1) -> relu }"),
    "relu: dropped paths": network_of("abs -> drop_path(0.5) -> flatten -> reshape([12, 12]) -> relu"),
    "rows: read elsewhere": network_of("conv(2, 3x3, stride=2) -> flatten as a", "x -> flatten -> concat(a)"),
    "rows: of a pool": network_of("avgpool(4x4, stride=3)"),
    "rows: behind a layer": network_of("tanh -> maxpool(5x5, stride=2)"),
    "dead: turns of a loop": network_of("for i in [0, 1] { conv(4, 1x1) as y; if i == 0 { y } else { x } }"),
    "dead: one block read and not": (
        "block unit(is_read) { tanh as a; in -> sigmoid as b; if is_read { a -> add(b) } }\n"
        + network_of("unit(true) -> unit(false)")
    ),
    "dead: a shared layer": network_of(SHARED_CONV, "c -> tanh", "x -> c -> relu"),
    "inputs: sizes alone": "network A {\n  input x: [4, 6, 6]\n  input y: [4, 3, 3]\n  x -> crop(like=y)\n}",
    "inputs: through one result": (
        "block pair(y: tensor) { tanh as a; y -> sigmoid as b; return a, b }\n"
        "network A {\n  input x: [8]\n  input y: [8]\n  x -> pair(y) as a, _\n  a -> relu6\n}"
    ),
}

AXES = {"column": -1, "row": -2, "slice": -3}

LAYERS = (
    *("conv(4, 3x3, pad=1)", "depthwise(3x3, pad=1)", "c", "bn", "relu", "r", "relu6", "sigmoid", "tanh"),
    *("maxpool(3x3, stride=1, pad=1)", "upsample(2, mode=bicubic) -> maxpool(2x2)", "upsample(2) -> avgpool(2x2)"),
    *("features: { relu }", "add(x)", "unit", "unit(relu)", "unit(bn)"),
)


def random_text(seed: int) -> str:
    """A chain with instances and a block that are used more than once, taps that may be read again, and dead ends."""
    random = Random(seed)
    lines = ["shared c = conv(4, 3x3, pad=1)", "shared r = relu"]
    for place in range(random.randint(2, 5)):
        chain = random.choices(LAYERS, k=random.randint(1, 4))
        chain = [layer.replace("features", f"part{place}{i}") for i, layer in enumerate(chain)]
        start = random.choice(["", "", "x -> "])
        lines.append(f"{start}{' -> '.join(chain)} as y{place}")
        if place and random.random() < 0.3:
            lines.append(f"add(y{random.randrange(place)})")
    block = "block unit(last: layer = tanh) { conv(4, 1x1) -> last }\n"
    return block + network_of(*lines)


class Case:
    """A network of a text, built with random weights or with those of another one, and what it reads."""

    def __init__(self, text: str, like: Case | None = None) -> None:
        self.spec = open_source(Source("a.arch", text), Path())
        self.checked = self.spec.check(self.spec.networks[-1])
        assert self.checked.network is not None, self.checked.problems
        self.network = self.checked.network
        self.graph = Graph(self.checked.facts, self.spec.linter.text)
        self.module = build(self.network).double()
        self.inputs: list[Tensor] = self.drawn() if like is None else like.inputs
        if like is None:
            add_noise(*self.module.parameters())
        else:
            assert not self.module.load_state_dict(like.module.state_dict(), strict=False).missing_keys

    def drawn(self) -> list[Tensor]:
        values = (sample(type, 3).detach() for type in self.network.input_types)
        return [x.double() if x.is_floating_point() else x for x in values]

    def outputs(self, is_training: bool) -> tuple[Tensor, ...]:
        torch.manual_seed(0)
        return tensors(self.module.train(is_training)(*(x.clone() for x in self.inputs)))


def findings(text: str) -> list[Diagnostic]:
    case = Case(text)
    found = (d for d in case.spec.findings([case.checked]) if d.code in REDUNDANT)
    return [d for d in found if d.edit is not None or not d.code.startswith("unused-")]


def add_noise(*tensors: Tensor) -> None:
    with torch.no_grad():
        for tensor in tensors:
            tensor += torch.randn_like(tensor)


def follow(text: str, found: Diagnostic) -> None:
    """Does what a lint advises, or changes what it calls idle, and compares what both networks give."""
    case = Case(text)
    if found.code == "unread-rows":
        change_unread_rows(case, found)
        return
    other = advised(case, found)
    idle = re.fullmatch(r"the output `(\w+)` depends on no input", found.message)
    kept = [idle is None or output.name == idle[1] for output in case.network.outputs]
    for is_training in (True,) if found.code == "bias-before-norm" else (True, False):
        before, after = case.outputs(is_training), other.outputs(is_training)
        for old, new, is_kept in zip(before, after, kept, strict=True):
            if is_kept:
                torch.testing.assert_close(new, old, rtol=1e-9, atol=1e-9)


def advised(case: Case, found: Diagnostic) -> Case:
    """The network after the advice, with the same weights."""
    assert found.primary is not None
    span, text = found.primary.span, found.primary.span.source.text
    name = re.findall(r"`([^`]+)`", found.message)
    if found.edit is not None:
        return Case(applied(text, [found.edit]), case)
    if found.code == "single-arm":
        arm = re.compile(r"\w+\s*\{\s*\|(.*?)\}", re.DOTALL).match(text, span.start)
        assert arm is not None
        return Case(text[: arm.start()] + arm[1] + text[arm.end() :], case)
    if found.code == "relu-after-relu" or "or take the layer out" in found.helps[0]:
        nodes = (node for scope in case.graph.scopes for node in scope.module.nodes)
        is_numbered = any(node.name.isdigit() for node in nodes if node.origin.span.location == span.location)
        return Case(applied(text, [Edit(span, NUMBERED if is_numbered else UNNUMBERED)]), case)
    other = Case(text, case)
    if found.code == "ignored-input":
        others = zip(case.network.inputs, case.inputs, case.drawn(), strict=True)
        is_output = found.message.startswith("the output")  # whatever the inputs are
        other.inputs = [new if is_output or input == name[0] else old for input, old, new in others]
    elif found.code == "bias-before-norm":
        add_noise(other.module.get_parameter(f"{name[0]}.bias"))
    else:
        assert found.code == "unreachable-value"
        layer = re.findall(r"so its `([^`]+)` learns nothing", found.primary.text)
        path = ".".join([name[-1], *layer, ""])
        add_noise(*(p for key, p in other.module.named_parameters() if key.startswith(path)))
    return other


def change_unread_rows(case: Case, found: Diagnostic) -> None:
    """The layer alone gives the same where the rows are others that it does not read."""
    assert found.primary is not None
    place = found.primary.span.location
    use = next(use for use in case.graph.uses if use.span.location == place)
    types = use.node.operand_types
    layer = lowered(use.op, *types, form=forms(use.op, *types)[0])
    (x,) = (sample(type, 3).detach() for type in types)
    changed = x.clone()
    rows = re.findall(r"(slice|row|column)s? (\d+)(?: to (\d+))?", found.notes[0])
    assert rows
    for axis, first, last in rows:
        places = torch.arange(int(first), int(last or first) + 1)
        changed.index_fill_(AXES[axis], places, 9.0)
    for old, new in zip(results(layer, (x,)), results(layer, (changed,)), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=0)


REJECTED = [(lint.KIND.code, text) for lint in lints() if lint.KIND.code in REDUNDANT for text in lint.REJECTED]


@pytest.mark.parametrize(("code", "text"), REJECTED)
def test_examples(code: str, text: str) -> None:
    examined = findings(text)
    assert [found.code for found in examined] == [code] or code.startswith("unused-")
    for found in examined:
        follow(text, found)


@pytest.mark.parametrize("text", VARIED.values(), ids=VARIED)
def test_varied_networks(text: str) -> None:
    for found in findings(text):
        follow(text, found)


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int) -> None:
    text = random_text(seed)
    for found in findings(text):
        follow(text, found)


def joins() -> list[str]:
    ops = [op for op in map(find, sorted(names())) if op is not None]
    return [op.name for op in ops if op.operands is None and op.is_itself_of_one]


@pytest.mark.parametrize("name", joins())
def test_a_merge_of_one_value_is_that_value(name: str) -> None:
    """With a label it is run, not left out."""
    case = Case(network_of(f"merged: {name} {{ | x }}"))
    torch.testing.assert_close(case.outputs(False), tuple(case.inputs), rtol=0, atol=0)
