"""Statements of a body at random: what is proposed, and whether it stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from archdsl.ir import Network, TensorType, modules
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.differential.operators import ELEMENTWISE_MERGES, KEEPING, MERGES, call, layer

LARGEST = 1500
"""Elements of a value, so that networks run at once."""
ATTEMPTS = 5

Lines = list[str]


def network_of(text: str) -> Network | None:
    """The last network of a spec; None where one of them does not hold together."""
    spec = open_source(Source("random.arch", text), Path())
    built = [] if spec.problems else [spec.check(name).network for name in spec.networks]
    return built[-1] if built and None not in built else None


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
        self.may_label = True
        self.is_network = False
        self.hole = ""
        """The variable of the loop around, where labels may hold it."""


class Statements:
    """Fills bodies. What is proposed stays if the spec still holds together."""

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

    def fill(self, body: Body, count: int) -> None:
        kinds: list[tuple[float, Callable[[Body], Lines]]] = [
            (6, self.chain),
            (3, self.merge),
            (1.2, self.group),
            (1.2, self.block_call),
            (0.8, self.loop),
            (0.7, self.choice),
            (0.8, self.from_tap),
            (0.7, self.fed_from_line),
            (0.5, self.listed),
            (0.4, self.shared),
            (0.4, self.parameter),
            (0.5, self.split),
            (0.4, self.unpool),
            (0.3, self.like),
            (0.4, self.datum),
            *([(0.3, self.training)] if body.is_network else []),
        ]
        for _ in range(count):
            for _ in range(ATTEMPTS):
                statement = self.random.choices([k for _, k in kinds], [w for w, _ in kinds])[0]
                if self.keep(body, [f"  {'  ' * body.depth}{line}" for line in statement(body)]):
                    break

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
        text = "\n".join([*body.head, *body.lines, *lines, *body.tail]) + "\n"
        try:
            network = network_of(text)
        except Exception:
            raise Tripped(text) from None
        if network is None or any(v.type.numel > LARGEST for m in modules(network) for n in m.nodes for v in n.results):
            return None
        return network

    # Statements

    def link(self, body: Body, x: TensorType | None = None) -> str:
        text = layer(self.random, x or body.type)
        if body.data and self.chance(0.2):
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
        return f"{self.fresh('l')}: {text}" if body.may_label else text

    def tapped(self, text: str) -> str:
        return f"{text} as {self.fresh('t')}" if self.chance(0.35) else text

    def chain(self, body: Body) -> Lines:
        links = [self.link(body)]
        while self.chance(0.35):
            links.append(self.labelled(body, self.random.choice(KEEPING)))
        return [self.tapped(" -> ".join(links))]

    def arm(self, body: Body, keeping: bool) -> str:
        """A sequence for a merge, from the current value or a tap."""
        random = self.random
        starts = [t for t, type in body.taps.items() if type == body.type or not keeping]
        links = [random.choice(starts)] if starts and self.chance(0.3) else []
        x = body.taps[links[0]] if links else body.type
        kinds = random.choice((0, 1, 1, 2)) if links else random.choice((1, 1, 2))
        for _ in range(kinds):
            if keeping or self.chance(0.5):
                c = x.shape[0] if x.shape else 1
                links.append(
                    self.labelled(body, random.choice((*KEEPING, f"conv({c}, 3, pad=1)", f"conv({c}, 1)", "identity")))
                )
            elif self.chance(0.3):
                links.append(f"avgpool(global) -> conv({x.shape[0]}, 1) -> sigmoid")
            else:
                links.append(self.link(body, x))
        return " -> ".join(links) or "identity"

    def merge(self, body: Body) -> Lines:
        random = self.random
        keeping = self.chance(0.75)
        name = (
            random.choice((*ELEMENTWISE_MERGES, "concat", "concat", "stack"))
            if self.chance(0.9)
            else random.choice(MERGES)
        )
        if name in ("concat", "stack", "einsum"):
            name = call(random, name, body.type)
        arms = [self.arm(body, keeping) for _ in range(random.choice((2, 2, 2, 3, 1)))]
        label = f"{self.fresh('m')}: " if body.may_label and self.chance(0.2) else ""
        lines = [f"{label}{name} {{", *(f"  | {arm}" for arm in arms)]
        if self.chance(0.15):
            lines.append(f"  if {random.choice(('true', 'false', 'in.channels > 2'))} | {self.arm(body, keeping)}")
        if self.chance(0.1):
            lines.append(f"  for g in 0..<{random.choice((1, 2, 3))} | conv(in.channels, 1)")
        return [*lines, self.tapped("}")]

    def inner(self, body: Body, head: Lines, tail: Lines, count: int) -> Body:
        inner = Body([*body.head, *body.lines, *head], [*tail, *body.tail], body.type, body.depth + 1)
        inner.data, inner.taps, inner.may_label = dict(body.data), dict(body.taps), body.may_label
        inner.hole = body.hole
        if inner.depth < 4:
            self.fill(inner, count)
        return inner

    def group(self, body: Body) -> Lines:
        opening = f"{self.fresh('g')}: {{" if body.may_label and self.chance(0.7) else "{"
        return self.nested(body, [opening], self.tapped("}"))

    def nested(self, body: Body, head: Lines, tail: str) -> Lines:
        inner = self.inner(body, head, ["}"], self.random.randint(1, 3))
        return [*head, *_dedented(inner), tail] if inner.lines else []

    def block_call(self, body: Body) -> Lines:
        if not self.blocks:
            return []
        block = self.random.choice(self.blocks)
        tap = self.random.choice(list(body.taps) or ["in"])
        text = self.labelled(body, block.name + self.random.choice(block.calls).replace("TAP", tap))
        if block.results == 2:
            first = self.fresh("t")
            return [f"{text} as {first}, {self.random.choice(('_', self.fresh('t')))}", first]
        return [self.tapped(text)]

    def loop(self, body: Body) -> Lines:
        name = self.fresh("i")
        head = self.random.choice(
            (f"for {name} in 0..<2 {{", f"for {name} in [1, 2, 3] {{", f"for {name} in 2..1 by -1 {{", "repeat 2 {")
        )
        before = dict(body.data)
        if not head.startswith("repeat"):
            body.data[name] = 1
        was, body.may_label, outer = body.may_label, False, body.hole
        body.hole = "" if head.startswith("repeat") or not was else name
        lines = self.nested(body, [head], "}")
        body.may_label, body.data, body.hole = was, before, outer
        return lines

    def choice(self, body: Body) -> Lines:
        condition = self.random.choice(
            ("true", "false", "in.channels > 2", "in.channels == 4", "not (1 > 2)", "1 + 1 == 2 and true")
        )
        lines = self.nested(body, [f"if {condition} {{"], "}")
        if lines and self.chance(0.5):
            lines[-1:] = ["} else {", f"  {self.link(body)}", "}"]
        return lines

    def from_tap(self, body: Body) -> Lines:
        if not body.taps:
            return []
        tap = self.random.choice(list(body.taps))
        if body.taps[tap].dtype != "float32":
            return [f"{tap} -> embedding(2000, {self.random.choice((3, 4))})"]
        return [self.tapped(f"{tap} -> {self.link(body, body.taps[tap])}")]

    def fed_from_line(self, body: Body) -> Lines:
        same = [t for t, type in body.taps.items() if type.shape == body.type.shape]
        tap = self.random.choice(same or list(body.taps) or [""])
        return [self.tapped(f"{self.random.choice((*ELEMENTWISE_MERGES, 'concat'))}({tap})")] if tap else []

    def listed(self, body: Body) -> Lines:
        """A list of taps that grows in a loop, and is joined."""
        name, c = self.fresh("xs"), body.type.shape[0] if body.type.shape else 1
        link = self.random.choice((f"conv({c}, 3, pad=1)", *KEEPING))
        merge = self.random.choice(("concat", "add", "maximum", "average"))
        last = self.random.choice((f"{name} -> {merge}", f"{name}[-1] -> relu", f"add {{ | {name}[0] | {name}[1] }}"))
        return ["repeat 2 {", f"  {link} as {name}[]", "}", last]

    def shared(self, body: Body) -> Lines:
        name, c = self.fresh("tower"), body.type.shape[0] if body.type.shape else 1
        what = self.random.choice(
            (
                f"conv({c}, 3, pad=1)",
                f"conv({c}, 1)",
                "bn",
                f"{{ conv({c}, 1) -> bn -> relu }}",
                "prelu",
                f"linear({body.type.shape[-1]})",
            )
        )
        uses = self.random.choice(
            ([f"{name} -> {name}"], [f"add {{ | {name} | relu -> {name} }}"], [name, "relu", name])
        )
        return [f"shared {name} = {what}", *uses]

    def parameter(self, body: Body) -> Lines:
        shape = self.random.choice(
            (
                [1, *body.type.shape],
                list(body.type.shape),
                [1] * (body.type.rank + 1),
                [1, *[1] * (body.type.rank - 1), body.type.shape[-1]],
            )
        )
        name = self.fresh("p")
        merge = self.random.choice(("add", "multiply", "maximum", "concat", "subtract"))
        was = self.fresh("t")
        start = self.random.choice(("", ", init=ones", ", init=0.5"))
        return [
            f"identity as {was}",
            f"{name}: parameter({shape}{start}) as {name}v",
            f"{merge} {{ | {was} | {name}v }}",
        ]

    def split(self, body: Body) -> Lines:
        first, second = self.fresh("t"), self.fresh("t")
        axis = self.random.choice(("", ", axis=1", ", axis=-1"))
        if self.chance(0.2):
            return [f"split(2{axis}) -> {self.random.choice(('concat', 'add', 'maximum'))}"]
        last = self.random.choice(
            (
                f"{first} -> relu",
                f"concat {{ | {second} | {first} -> relu }}",
                f"add {{ | {first} -> sigmoid | {second} }}",
            )
        )
        return [f"split(2{axis}) as {first}, {second}", last]

    def unpool(self, body: Body) -> Lines:
        pool = self.fresh("t")
        window = self.random.choice(("2", "2x2", "3", "2, stride=1", "3, pad=1", "[1, 2]"))
        between = self.random.choice((f"conv({body.type.shape[0]}, 3, pad=1)", "relu", "bn"))
        return [f"maxpool({window}) as {pool}", between, f"unpool(of={pool})"]

    def like(self, body: Body) -> Lines:
        if not body.taps:
            return []
        tap = self.random.choice(list(body.taps))
        return [
            self.random.choice((f"crop(like={tap})", f"upsample(like={tap})", f"upsample(like={tap}, mode=bilinear)"))
        ]

    def datum(self, body: Body) -> Lines:
        name, value = self.fresh("n"), self.random.randint(1, 5)
        body.data[name] = value
        text = self.random.choice(
            (str(value), f"{value + 1} - 1", f"min({value}, 9)", f"max([{value}])", f"{2 * value} // 2")
        )
        return [f"let {name} = {text}", f"conv({name}, 1)"]

    def training(self, body: Body) -> Lines:
        name = self.fresh("aux")
        return ["training {", f"  {self.link(body)}", "  flatten", "  linear(2)", f"  output {name}", "}"]


def _taps(line: str) -> list[str]:
    """The names that a line gives to values, without lists."""
    _, found, names = line.rpartition(" as ")
    return [n for n in names.replace(",", " ").split() if n.isidentifier() and n != "_"] if found else []


def _dedented(inner: Body) -> Lines:
    """Lines of a nested body, whose own indentation its caller adds again."""
    cut = 2 * inner.depth
    return [line[cut:] for line in inner.lines]
