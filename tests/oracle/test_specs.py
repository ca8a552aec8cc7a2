"""Every network of `specs/`, compiled and run: what archdsl says of it is what PyTorch does."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from archdsl.analyses import Facts
from archdsl.backends.pytorch import build
from archdsl.ir import Module, TensorType
from archdsl.pipeline import open_spec
from tests.support.live import activation_peak, saved_bytes

torch.set_num_threads(1)
SPECS = Path(__file__).parents[2] / "specs"
NETWORKS = [(file.name, name) for file in sorted(SPECS.glob("*.arch")) for name in open_spec(file).networks]
RUN_LIMIT = 150_000_000
"""Parameters of the largest network that is run with real tensors here."""
TABLES = {"lenet.arch"}
"""With `conv(table=...)` only the joined pairs count, and PyTorch runs all: the one difference to `FlopCounterMode`."""


@cache
def facts_of(file: str, name: str) -> Facts:
    checked = open_spec(SPECS / file).check(name)
    assert checked.network is not None, checked.problems
    return checked.facts


def sample(types: tuple[TensorType, ...], batch: int, device: str = "cpu") -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(batch, *t.shape, device=device) for t in types]


@pytest.mark.parametrize(("file", "name"), NETWORKS)
def test_parameters_and_macs_are_pytorchs(file: str, name: str) -> None:
    facts = facts_of(file, name)
    module = build(facts.network, device="meta")
    assert sum(p.numel() for p in module.parameters()) == facts.cost.training.params
    assert sum(b.numel() for n, b in module.state_dict().items() if n not in dict(module.named_parameters())) == (
        facts.cost.training.buffers
    )
    if file in TABLES:
        return
    with FlopCounterMode(display=False) as counter:
        module(*sample(facts.network.input_types, 2, "meta"))
    assert counter.get_total_flops() == 2 * facts.cost.training.flops


@pytest.mark.parametrize(("file", "name"), NETWORKS)
def test_shapes_are_pytorchs(file: str, name: str) -> None:
    """By hooks on every module that has a path in the spec, and by the results of the network."""
    facts = facts_of(file, name)
    module = build(facts.network, device="meta")
    expected = {
        path: tuple(facts.flat.types[v].shape for v in values)
        for path, values in facts.flat.paths.items()
        if path not in facts.network.inputs
    }
    seen: dict[str, tuple[tuple[int, ...], ...]] = {}

    def hook(path: str) -> object:
        def note(_module: object, _inputs: object, result: Tensor | tuple[Tensor, ...]) -> None:
            results = (result,) if isinstance(result, Tensor) else result
            seen[path] = tuple(tuple(r.shape[1:]) for r in results)

        return note

    for path, child in module.named_modules():
        if path in expected:
            child.register_forward_hook(hook(path))  # type: ignore[arg-type]
    result = module.eval()(*sample(facts.network.input_types, 2, "meta"))
    results = result if isinstance(result, tuple) else (result,)
    assert [tuple(r.shape[1:]) for r in results] == [facts.flat.types[v].shape for v in facts.flat.outputs]
    assert seen == {path: expected[path] for path in seen}
    weighted = {layer.path for layer in facts.flat.layers if layer.op.state(*layer.operand_types)}
    assert weighted <= set(seen), "a layer with weights that no hook saw"


@pytest.mark.parametrize(("file", "name"), NETWORKS)
def test_the_state_dict_has_the_paths_of_the_spec(file: str, name: str) -> None:
    facts = facts_of(file, name)
    expected: dict[str, tuple[int, ...]] = {}

    def collect(module: Module, prefix: str) -> None:
        for node in module.instances():
            if isinstance(node.operator, Module):
                collect(node.operator, f"{prefix}{node.name}.")
            else:
                expected.update(
                    {f"{prefix}{node.name}.{s.name}": s.shape for s in node.operator.state(*node.operand_types)}
                )

    collect(facts.network.body, "")
    found = {key: tuple(t.shape) for key, t in build(facts.network, device="meta").state_dict().items()}
    assert found == expected


@pytest.mark.parametrize(("file", "name"), NETWORKS)
def test_bytes_are_pytorchs(file: str, name: str) -> None:
    """What a training pass keeps, and what inference holds at its peak, with real tensors on the CPU."""
    facts = facts_of(file, name)
    if facts.cost.total.params > RUN_LIMIT:
        pytest.fail("too large for this test: name it in docs/explanation/memory.md")
    module = build(facts.network)
    for batch in (1, 2):
        inputs = sample(facts.network.input_types, batch)
        memory = facts.memory_at(batch)
        assert saved_bytes(module, *inputs) == memory.saved.bytes
        assert activation_peak(module, *inputs) == memory.activation_peak
