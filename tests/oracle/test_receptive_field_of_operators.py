"""Receptive fields of all operators, alone and in random specs, against the support of real gradients."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from archdsl.analyses.receptive_field import FieldFacts, receptive_field, traced
from archdsl.backends.pytorch import build as build_module
from archdsl.ir import Network
from tests.differential.growing import network_of
from tests.differential.writer import random_spec
from tests.oracle.test_ops_torch import case_of, lines
from tests.support import build
from tests.support.lowered import tensors

torch.set_num_threads(1)
CHOOSES = ("adaptive_maxpool", "maxpool", "reduce_max", "topk")
"""Operators whose gradient goes to the largest of what they read, and to nothing else."""


class Compared(NamedTuple):
    """One unit: its status, and on each axis the first and last row that are told, those that change it, and those that are
    found by going back from it, where that says it."""

    status: str
    told: list[tuple[int, int]]
    real: list[tuple[int, int]]
    traced: list[tuple[int, int]] | None

    @property
    def is_enclosed(self) -> bool:
        ways = (self.told, self.traced or self.told)
        return all(a <= c and d <= b for way in ways for (a, b), (c, d) in zip(way, self.real, strict=True))


def compared(network: Network, units: int = 6) -> Iterator[Compared]:
    """Some units of each output, towards each input that is a map. Values and weights are positive, and drawn thrice."""
    module = build_module(network, "cpu", torch.float64).eval()
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.3, 1.0)
    draws = [[_drawn(t.shape, t.dtype) for t in network.input_types] for _ in range(3)]
    for number, (name, type) in enumerate(zip(network.inputs, network.input_types, strict=True)):
        if type.is_float and type.sizes:
            facts = receptive_field(network, input=name)
            runs = [(given[number].requires_grad_(), tensors(module(*given))) for given in draws]
            for place, path in enumerate(o.name for o in network.outputs if not o.training):
                found = [(x, results[place]) for x, results in runs]
                yield from _of_output(facts, path, found, units)


def _of_output(facts: FieldFacts, path: str, runs: list[tuple[Tensor, Tensor]], units: int) -> Iterator[Compared]:
    field = facts.of(path)
    sizes = runs[0][1].shape[2:]
    places = [*product(*map(range, sizes))]
    for unit in Random(1).sample(places, min(units, len(places))):
        told = facts.unit(path, unit) if field is not None else None
        if field is None or told is None:
            continue
        hit = torch.stack([_hit(x, result, unit) for x, result in runs]).sum(0).nonzero()
        if len(hit):
            inside = [(max(r.first, 0), min(r.last, n - 1)) for r, n in zip(told, facts.type.sizes, strict=True)]
            found = traced(facts, path, unit)
            back = None if found is None else [(-1, -1) if r is None else (r.first, r.last) for r in found]
            yield Compared(field.status, inside, [(int(r.min()), int(r.max())) for r in hit.T], back)


def _hit(x: Tensor, result: Tensor, unit: tuple[int, ...]) -> Tensor:
    """How many channels of each place of the input change a unit."""
    if not result.is_floating_point() or not result.requires_grad:
        return torch.zeros(x.shape[2:])
    of = result[0].movedim(0, -1)[unit].sum() if result.dim() > 1 else result.sum()
    (gradient,) = torch.autograd.grad(of, x, retain_graph=True, allow_unused=True)
    if gradient is None or not gradient.isfinite().all():  # a root of something negative
        return torch.zeros(x.shape[2:])
    return (gradient[0] != 0).sum(0)


def _drawn(shape: tuple[int, ...], dtype: str) -> Tensor:
    if dtype == "float32":
        return torch.rand(1, *shape, dtype=torch.float64)
    return torch.randint(0, 2, (1, *shape), dtype=getattr(torch, dtype))


@pytest.mark.parametrize("line", lines())
def test_an_operator_reads_what_it_is_said_to(line: str) -> None:
    operator, types = case_of(line)
    if any(t.places or not t.batched for t in types) or not any(t.is_float and t.sizes for t in types):
        return
    body, values = build.network("Alone", *((f"input{i}", t._replace(strides=None)) for i, t in enumerate(types)))
    results = [r for r in body.each(operator, *values, label="layer") if r.type.is_float and r.type.batched]
    if not results:
        return
    for unit in compared(build.finish(body, *results)):
        assert unit.is_enclosed
        is_whole = unit.status != "bound" and operator.name not in CHOOSES and "dilation" not in line
        assert unit.told == unit.real or not is_whole
        assert unit.traced in (None, unit.real) or not is_whole


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_no_unit_of_random_specs_reads_more_than_is_said(first: int) -> None:
    for seed in range(first, first + 10):
        network = network_of(random_spec(seed))
        assert network is not None
        for unit in compared(network):
            assert unit.is_enclosed, f"seed {seed}: {unit}"


@pytest.mark.parametrize(
    "body",
    [
        "conv(1, 3, stride=2) -> conv(1, 3, pad=1)",
        "conv(2, 3, stride=2) -> conv(2, 5, pad=2) -> maxpool(3, stride=2, pad=1) -> conv(1, 3, pad=same)",
        "conv(2, 3, pad=4, dilation=4) -> conv(2, 2, stride=3, pad=1)",
        "conv(2, 3, pad=1) -> conv_transpose(2, 4, stride=2, pad=1) -> conv(2, 5, pad=2)",
        "pad(3, mode=reflect) -> conv(2, 3, stride=2) -> conv(1, 7, pad=3)",
        "conv(2, 3, stride=2) -> upsample(2) -> conv(1, 5, pad=2)",
        "conv_transpose(1, 2, dilation=2)",
        "conv_transpose(1, 3, stride=4, pad=3, dilation=6) -> conv(1, 1, stride=2, pad=1) -> conv_transpose(1, 2, dilation=2)",
    ],
)
def test_what_a_unit_at_the_border_reads_is_followed_through_maps_that_are_padded(body: str) -> None:
    network = network_of(f"network N {{ input signal: [1, 30]; {body} }}")
    assert network is not None
    units = [*compared(network, units=100)]
    assert units and all(unit.traced == unit.real for unit in units)
    assert all(unit.is_enclosed for unit in units)


def test_the_parts_of_a_map_lie_side_by_side() -> None:
    network = network_of("network N { input image: [3, 8, 8]; split([3, 5], axis=-1) as a, b; b }")
    assert network is not None
    assert {unit.status for unit in compared(network)} == {"exact"}
    assert all(unit.told == unit.real and unit.real[1][0] >= 3 for unit in compared(network))


@pytest.mark.parametrize(
    ("type", "body", "status"),
    [
        ("[2, 9]", "concat(axis=1) { | identity | avgpool(global) }", "exact"),
        ("[2, 9]", "concat(axis=1) { | conv(2, 3, pad=1) | conv(2, 5, pad=2) }", "exact"),
        ("[2, 9]", "concat(axis=1) { | gn(2) | p: parameter([1, 2, 3]) }", "exact"),
        ("[2, 9]", "concat(axis=1) { | gn(2) | avgpool(global) }", "whole input"),
        ("[2, 9]", "concat { | identity | avgpool(global) -> upsample(to=9) }", "whole input"),
        ("[2, 9]", "stack(axis=1) { | conv(2, 3, pad=1) | conv(2, 5, pad=2) }", "bound"),
        ("[2, 9]", "stack(axis=2) { | gn(2) | crop([[0, 4]]) -> gn(2) -> upsample(to=9) }", "exact"),
        ("[2, 6, 6]", "concat(axis=1) { | identity | gn(2) } -> conv(2, 1x1)", "bound"),
        ("[2, 6, 6]", "concat(axis=2) { | conv(2, 3x3, pad=1) | conv(2, 5x5, pad=2) | identity }", "bound"),
    ],
)
def test_a_unit_of_values_side_by_side_reads_one_of_them(type: str, body: str, status: str) -> None:
    window = "3" if type.count(",") == 1 else "3x3"
    network = network_of(f"network N {{ input image: {type}; conv(2, {window}, pad=1); {body} }}")
    assert network is not None
    facts, path = receptive_field(network), network.outputs[0].name
    field = facts.of(path)
    assert field is not None and field.status == status
    read = {unit: real for unit, real in _supports(network) if real}
    assert all(traced(facts, path, unit) == real for unit, real in read.items())
    sizes = [max(last - first + 1 for first, last in rows) for rows in zip(*read.values(), strict=True)]
    assert status == "bound" or sizes == [*field.size]


def _supports(network: Network) -> Iterator[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]]:
    """Each unit of the one output with the first and last row that change it on each axis of the one input."""
    torch.manual_seed(0)
    module = build_module(network, "cpu", torch.float64).eval()
    x = _drawn(network.input_types[0].shape, "float32").requires_grad_()
    (result,) = tensors(module(x))
    for unit in product(*map(range, result.shape[2:])):
        hit = _hit(x, result, unit).nonzero()
        yield unit, tuple((int(rows.min()), int(rows.max())) for rows in hit.T) if len(hit) else ()


def test_most_units_of_random_specs_are_compared() -> None:
    networks = [n for seed in range(30) if (n := network_of(random_spec(seed))) is not None]
    found = [unit for network in networks for unit in compared(network, units=2)]
    assert len(found) > 30
    assert sum(unit.told == unit.real for unit in found) > len(found) / 2


def test_what_a_unit_reads_is_followed_past_a_learned_tensor() -> None:
    """A `[1, 1, 9]`, which has the batch's axis, beside maps without."""
    text = "input x: [2, 9]; conv(3, 3, pad=1); concat { | p: parameter([1, 1, 9]) | identity } -> conv(2, 3, stride=2)"
    network = network_of(f"network N {{ {text} }}")
    assert network is not None
    units = [*compared(network)]
    assert units and all(unit.traced == unit.real == unit.told for unit in units)
