"""Everything that has to agree about one spec: the text, the graph, the analyses, the compiled module and PyTorch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, get_args
from zlib import crc32

import torch
from torch import Tensor, nn

from archdsl.analyses import Facts
from archdsl.analyses.memory import Arithmetic, OptimizerName, TrainingSettings
from archdsl.analyses.memory.settings import Implementation
from archdsl.analyses.storage import StorageFacts
from archdsl.analyses.weights import PathError
from archdsl.backends.pytorch import build
from archdsl.backends.pytorch.verify import verify
from archdsl.elaborate import PLAIN
from archdsl.ir import Module, Network, flatten, print_network, read_network
from archdsl.ops import find
from archdsl.pipeline import open_source
from archdsl.source import Source
from archdsl.syntax.format import format_source
from tests.differential.growing import network_of
from tests.support.live import in_half, under_autocast
from tests.support.lowered import forms, lowered, tensors
from tests.support.steps import measured, predicted

NOTHING_IN_PLACE = StorageFacts(frozenset())


class Disagreement(NamedTuple):
    """What does not agree, and how."""

    what: str
    detail: str


def disagreement(text: str, batch: int = 2) -> Disagreement | None:
    """The first thing that does not agree about a spec; None for a spec that does not hold together."""
    try:
        network = network_of(text)
        if network is None:
            return None
        for check in (_prints, _formats, _imports, _sizes):
            if detail := check(text, network):
                return Disagreement(check.__name__.strip("_"), detail)
        for verified in verify(network, device="cpu", batch=batch, with_specs=False):
            if verified.differences:
                return Disagreement(verified.name, "; ".join(map(str, verified.differences[:3])))
        if detail := _steps(network):
            return Disagreement("training step", detail)
        if detail := _half(network):
            return Disagreement("inference in half precision", detail)
        if detail := _autocast(network):
            return Disagreement("inference under autocast", detail)
        module = build(network, "cpu", torch.float64)
        if detail := _computes(network, module, batch):
            return Disagreement("values", detail)
        if detail := _learns(network, module, batch):
            return Disagreement("gradients", detail)
    except Exception as error:
        return Disagreement(type(error).__name__, f"{error}")
    return None


def _prints(text: str, network: Network) -> str:
    """The graph's text reads back as the same graph."""
    printed = print_network(network)
    again = print_network(read_network(printed, find))
    return "" if again == printed else "the graph's text reads back as another"


def _formats(text: str, network: Network) -> str:
    """The formatter changes nothing that counts, and does not change its own output."""
    once, _ = format_source(Source("random.arch", text))
    if once is None:
        return "refused"
    twice, _ = format_source(Source("random.arch", once))
    if once != twice:
        return "not stable"
    after = network_of(once)
    if after is None or _without_places(after) != _without_places(network):
        return "another graph"
    return ""


BLOCKS = re.compile(r"^(?:(?:inline )?block \w+.*?^}|let .*?$)\n", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"^(?:(?:inline )?block|let) (\w+)", re.MULTILINE)


def _imports(text: str, network: Network) -> str:
    """Blocks and `let`s of another file, under other names, make the same graph."""
    moved = BLOCKS.findall(text)
    if not moved:
        return ""
    defaults = "".join(line for line in text.splitlines(keepends=True) if line.startswith("default"))
    names = NAMED.findall("\n".join(moved))
    known = ", ".join(f"{name} as {name}_there" for name in names)
    rest = re.sub(rf"(?<![\w\".])({'|'.join(names)})\b(?!\")", r"\1_there", BLOCKS.sub("", text))
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "parts").mkdir()
        (root / "parts" / "blocks.arch").write_text(defaults + "".join(moved), "utf-8")
        main = Source(str(root / "random.arch"), f'import {known} from "parts/blocks.arch"\n{rest}')
        spec = open_source(main, root)
        after = spec.check(spec.networks[-1]).network if not spec.problems else None
    if after is None:
        return f"refused: {spec.problems[:1]}"
    return "" if _without_places(after) == _without_places(network) else "another graph"


def _sizes(text: str, network: Network) -> str:
    """With open sizes, those that the domain says fit do, and the formulas are the figures of the networks they make."""
    spec = open_source(Source("random.arch", text), Path())
    checked = spec.check(spec.networks[-1])
    if checked.formulas is None or checked.formulas.network is None or checked.formulas.domain is None:
        return ""
    if problem := _prints(text, checked.formulas.network):
        return problem
    domain, facts = checked.formulas.domain, Facts(checked.formulas.network)
    first = {name: value for name, value in checked.builds[0][0].items() if isinstance(value, int)}
    for step in (0, 1, 2, 4, 7):
        sizes = {name: value + step for name, value in first.items()}
        built = checked.program.build(checked.name, PLAIN.at(sizes))
        if not all(condition.at(sizes) for condition in domain.conditions):
            continue  # a domain may leave sizes out that hold all the same
        if built.network is None:
            return f"{sizes}: fits, and is refused"
        if step:
            found = Facts(built.network).cost.total
            said = facts.cost.total
            if [_at(n, sizes) for n in (said.macs, said.params)] != [found.macs, found.params]:
                return f"{sizes}: {said.macs} is not {found.macs}"
    return ""


def _at(figure: Any, sizes: Mapping[str, int]) -> int:
    return int(figure.at(sizes) if hasattr(figure, "at") else figure)


def _without_places(network: Network) -> str:
    text = re.sub(
        r' (at \d+:\d+:\d+|via "(?:[^"\\]|\\.)*" "[^"]*" \{.*?\}|(under|called) "(?:[^"\\]|\\.)*")',
        "",
        print_network(network),
    )
    return re.sub(r'^source \d+ ".*\n', "", text, flags=re.MULTILINE)


def _computes(network: Network, module: nn.Module, batch: int) -> str:
    """The module gives what its operators give, run one by one as the graph says, with the same weights."""
    module.eval()
    given = _inputs(network, batch)
    with torch.no_grad():
        found = tensors(module(*(x.clone() for x in given)))
        expected = _interpreted(network, module, given)
    if len(found) != len(expected):
        return f"{len(found)} outputs in place of {len(expected)}"
    for number, (a, b) in enumerate(zip(found, expected, strict=True)):
        if a.shape != b.shape or not torch.allclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True):
            return f"output {number} differs"
    return ""


HALF = (Arithmetic("bfloat16"), Arithmetic("float16"))
MIXED = (Arithmetic("bf16-mixed", "cpu"), Arithmetic("fp16-mixed", "cpu"))
SETTINGS = (
    TrainingSettings(loss="mse"),
    TrainingSettings("adam", zero_grad="late", loss="none"),
    TrainingSettings("momentum", weight_decay=True, implementation="foreach", precision="bfloat16", loss="mse"),
    TrainingSettings(loss="mse", precision="bf16-mixed", autocast="cpu"),
    TrainingSettings("adamw", implementation="fused", loss="mse", checkpoint=("*",)),
)


def _steps(network: Network) -> str:
    """With a batch and settings at random, which the network's name chooses: it stays when a spec is made small."""
    random = Random(crc32(network.name.encode()))
    return wrong_peaks(network, random.choice((1, 2, 3)), drawn(random, [*_paths(network.body)]))


def drawn(random: Random, paths: Sequence[str]) -> TrainingSettings:
    """Settings at random, of which some freeze or checkpoint what is at two of the paths."""
    optimizer = random.choice(get_args(OptimizerName))
    return TrainingSettings(
        optimizer,
        random.random() < 0.3,
        random.choice(get_args(Implementation)[: 2 + (not optimizer.startswith("rmsprop"))]),
        random.choice(("mse", "none")),
        random.choice(("early", "late", "never")),
        random.choice(("float32", "float32", "float32", "bfloat16", "bf16-mixed")),
        "cpu",
        freeze=tuple(random.sample(paths, min(2, len(paths)))) if random.random() < 0.3 else (),
        accumulate=random.choice((1, 1, 2, 3)),
        checkpoint=tuple(random.sample(paths, min(2, len(paths)))) if random.random() < 0.3 else (),
    )


def _half(network: Network) -> str:
    """With a batch and a type at random, which the network's name chooses."""
    random = Random(crc32(network.name.encode()))
    batch, arithmetic = random.choice((1, 2, 3)), random.choice(HALF)
    memory = Facts(network, batch).memory_at(batch, arithmetic)
    if memory.estimated_for("peak") or memory.inference.refused:
        return ""
    known = memory.parameters + memory.buffers, memory.activation_peak
    real = in_half(network, batch, arithmetic.dtype)
    return "" if real == known else f"{known} is predicted, {real} is real, of {batch} in {arithmetic}"


def _autocast(network: Network) -> str:
    """Inference, and what is kept for backward, likewise under a CPU's autocast."""
    random = Random(crc32(network.name.encode()))
    batch, arithmetic = random.choice((1, 2, 3)), random.choice(MIXED)
    memory = Facts(network, batch).memory_at(batch, arithmetic)
    if memory.inference.refused:
        return ""
    try:
        real = under_autocast(network, batch, arithmetic.dtype)
    except (RuntimeError, ValueError):  # a batch norm of a single value
        return ""
    known = memory.activation_peak, memory.saved.bytes
    pairs = zip(("peak", "saved_for_backward"), known, real, strict=True)
    if all(ours == theirs or memory.estimated_for(name) for name, ours, theirs in pairs):
        return ""
    return f"{known} is predicted, {real} is real, of {batch} in {arithmetic}"


def _paths(module: Module, prefix: str = "") -> Iterator[str]:
    """Of everything that a module calls, and what that calls."""
    for node in module.nodes:
        if node.name:
            yield prefix + node.name
        if isinstance(node.operator, Module):
            yield from _paths(node.operator, f"{prefix}{node.name}.")


def wrong_peaks(network: Network, batch: int, settings: TrainingSettings) -> str:
    """What differs of the peaks of a training step, where they are called exact."""
    try:
        if Facts(network, batch).training(settings).status != "exact":
            return ""
        real = measured(network, batch, settings)
    except (PathError, RuntimeError, ValueError):  # nothing to train, or a batch norm of a single value
        return ""
    known = predicted(network, batch, settings)
    return "" if real == known else f"{known} is predicted, {real} is real, with {settings}"


def _interpreted(network: Network, module: nn.Module, given: list[Tensor]) -> list[Tensor]:
    flat = flatten(network)
    state = module.state_dict()
    values: dict[int, Tensor] = dict(zip(flat.inputs, given, strict=True))
    for layer in flat.layers:
        form = forms(layer.op, *layer.operand_types)[0]
        single = lowered(layer.op, *layer.operand_types, form=form).double().eval()
        for own in (s for s in layer.op.state(*layer.operand_types) if s.is_in_state_dict):
            target = dict(single.state_dict(keep_vars=True))
            name = own.name or "learned"
            target[name].data.copy_(state[own.key(layer.path)])
        results = tensors(single(*(values[v] for v in layer.operands)))
        values.update(zip(layer.results, results, strict=True))
    return [values[v] for v in flat.outputs]


def _learns(network: Network, module: nn.Module, batch: int) -> str:
    """Overwriting operands changes neither outputs nor gradients."""
    careful = build(network, "cpu", torch.float64, facts=NOTHING_IN_PLACE)
    careful.load_state_dict(module.state_dict())
    expected, found = (_outputs_and_gradients(m, network, batch) for m in (careful, module))
    if len(expected) != len(found):
        return "other parameters have gradients"
    for a, b in zip(expected, found, strict=True):
        known = ~(a.isnan() | b.isnan())  # PyTorch's kernels for one function do not agree about NaN
        if not torch.allclose(a[known], b[known], rtol=1e-9, atol=1e-9):
            return "running in place changes them"
    return ""


def _outputs_and_gradients(module: nn.Module, network: Network, batch: int) -> list[Tensor]:
    given = [x.requires_grad_() if x.is_floating_point() else x for x in _inputs(network, batch)]
    torch.manual_seed(2)
    outputs = [o for o in tensors(module.train()(*given)) if o.requires_grad]
    kept = [o.detach().clone() for o in outputs]
    if outputs:
        torch.stack([(o * o.detach().cos()).sum() for o in outputs]).sum().backward()
    return kept + [t.grad for t in (*given, *module.parameters()) if t.grad is not None]


def _inputs(network: Network, batch: int) -> list[Tensor]:
    torch.manual_seed(1)
    return [
        torch.randn(batch, *t.shape, dtype=torch.float64) if t.is_float else torch.randint(0, 2, (batch, *t.shape))
        for t in network.input_types
    ]
