"""Bodies that grow statement by statement: what is proposed stays if the spec still holds together."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from random import Random

from archdsl.elaborate import PLAIN, Program
from archdsl.ir import Network, TensorType, modules
from archdsl.pipeline import Spec, open_source
from archdsl.source import Diagnostic, Source, Span
from archdsl.syntax import parse
from archdsl.syntax.tree import File
from tests.differential.expressions import in_other_words, number
from tests.differential.operators import layer

LARGEST = 1500
"""Elements of a value, so that networks run at once."""
ATTEMPTS = 5

Lines = list[str]

UNUSUAL = "#|;$"
"""In labels, which hold any printable character but a dot."""


def network_of(text: str) -> Network | None:
    """The last network of a spec; None where one of them does not hold together."""
    return _last_network(open_source(Source("random.arch", text), Path()))


def network_below(above: str, text: str) -> Network | None:
    """The same of a text in two parts, the first of which is the same for many and parsed once."""
    if not above:
        return network_of(text)
    tree, problems = _parsed(above)
    rest, others = parse(Source("random.arch", text))
    both = File(rest.source, [*tree.items, *rest.items], tree.broken | rest.broken, "")
    program = Program(both, _imports_nothing)
    return _last_network(Spec("random.arch", Path(), program, problems + others + program.problems))


@lru_cache(maxsize=4)
def _parsed(text: str) -> tuple[File, list[Diagnostic]]:
    return parse(Source("random.arch", text))


def _imports_nothing(target: str, span: Span) -> Program:
    raise ValueError(f"nothing imports {target}")


def _last_network(spec: Spec) -> Network | None:
    if spec.problems or not spec.networks:
        return None
    built = [spec.check(name).network if _holds_where_named(spec.program, name) else None for name in spec.networks]
    return None if None in built else built[-1]


def _holds_where_named(program: Program, name: str) -> bool:
    """Whether it holds at the sizes that claims name: else no others are looked for."""
    return all(program.build(name, PLAIN.at(sizes)).network is not None for sizes in program.named_sizes(name))


class Tripped(Exception):
    """archdsl raised an exception on a spec."""


class Block:
    """A block that was written: how it may be called."""

    def __init__(self, name: str, calls: list[str], results: int) -> None:
        self.name = name
        self.calls = calls
        self.results = results


class Body:
    """Statements being written, inside the braces that are open around them."""

    def __init__(self, head: Lines, tail: Lines, type: TensorType, depth: int) -> None:
        self.head = head
        self.tail = tail
        self.lines: Lines = []
        self.type = type
        self.depth = depth
        self.taps: dict[str, TensorType] = {}
        self.data: dict[str, int] = {}
        self.layers: Lines = []
        """Calls of layers that `let` bound."""
        self.may_label = True
        self.is_network = False
        self.hole = ""
        """The variable of the loop around, where labels may hold it."""

    @property
    def channels(self) -> int:
        return self.type.shape[0] if self.type.shape else 1


class Growing:
    """What all statements need: chance, names, labels, and whether a proposal stays."""

    def __init__(self, random: Random, seed: int) -> None:
        self.random = random
        self.seed = seed
        self.file: Lines = []
        self.blocks: list[Block] = []
        self.count = 0

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def keep(self, body: Body, lines: Lines) -> bool:
        """Adds lines if the spec still holds together and stays small."""
        if not lines:
            return False
        network = self.probe(body, lines)
        outputs = [o.value.type for o in network.outputs if not o.training] if network else []
        if network is None or not outputs:
            return False
        found = outputs[0]
        body.lines += lines
        body.type = found if found.rank else TensorType((1,))
        made = {v.tap: v.type for m in modules(network) for n in m.nodes for v in n.results}
        body.taps |= {t: made[t] for line in lines for t in _taps(line) if t in made and made[t].rank}
        return True

    def probe(self, body: Body, lines: Lines) -> Network | None:
        """The network with further lines; None where it does not hold together or becomes large."""
        above = len(self.file)
        text = "\n".join([*body.head[above:], *body.lines, *lines, *body.tail]) + "\n"
        try:
            network = network_below("\n".join(self.file), text)
        except Exception:
            raise Tripped("\n".join([*self.file, text])) from None
        if network is None or any(v.type.numel > LARGEST for m in modules(network) for n in m.nodes for v in n.results):
            return None
        return network

    def link(self, body: Body, x: TensorType | None = None) -> str:
        text = layer(self.random, x or body.type)
        if self.chance(0.1):
            text = in_other_words(self.random, text)
        if body.layers and self.chance(0.15):
            text = self.random.choice(body.layers)
        elif body.data and self.chance(0.2):
            name, value = self.random.choice(list(body.data.items()))
            text = self.random.choice(
                (f"conv({name}, 3, pad=half)", f"conv({name} * 2, 1)", f"linear({name} + {value})")
            )
        return self.labelled(body, text)

    def labelled(self, body: Body, text: str) -> str:
        if not self.chance(0.25):
            return text
        if body.hole:
            return f'"{self.fresh("u")}_{{{body.hole}}}": {text}'
        if not body.may_label:
            return text
        name = self.fresh("l")
        if self.chance(0.2):
            name = self.random.choice(
                (f'"part-{name}"', f"\"{name} '{{1 + 1}}' {UNUSUAL}\"", str(100 + self.count), "block")
            )
        return f"{name}: {text}"

    def number(self, most: int = 5) -> str:
        """A whole number of at least 1, perhaps as an expression."""
        value = self.random.randint(1, most)
        return number(self.random, value) if self.chance(0.3) else str(value)

    def tapped(self, text: str) -> str:
        return f"{text} as {self.fresh('t')}" if self.chance(0.35) else text


def _taps(line: str) -> list[str]:
    """The names that a line gives to values, without lists."""
    _, found, names = line.rpartition(" as ")
    return [n for n in names.replace(",", " ").split() if n.isidentifier() and n != "_"] if found else []
