"""Statements of a body at random: chains, merges, control and data, and how often each is proposed."""

from __future__ import annotations

from collections.abc import Callable

from tests.differential.expressions import number
from tests.differential.growing import ATTEMPTS, Body, Lines
from tests.differential.operators import ELEMENTWISE_MERGES, KEEPING, LAYERS, MERGES, call
from tests.differential.values import Values


class Statements(Values):
    """Fills bodies."""

    def fill(self, body: Body, count: int) -> None:
        kinds: list[tuple[float, Callable[[Body], Lines]]] = [
            (6, self.chain),
            (3, self.merge),
            (3, self.one_of_each),
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
            (0.3, self.from_in),
            (0.2, self.biases),
            (0.5, self.attended),
            (0.4, self.product),
            (0.4, self.datum),
            (0.4, self.bound),
            (0.3, self.default),
            (0.3, self.constraint),
            (0.3, self.rows),
            (0.2, self.remarks),
            *([(0.3, self.training), (0.3, self.side_output), (0.3, self.claim)] if body.is_network else []),
        ]
        for _ in range(count):
            for _ in range(ATTEMPTS):
                statement = self.random.choices([k for _, k in kinds], [w for w, _ in kinds])[0]
                if self.keep(body, [f"  {'  ' * body.depth}{line}" for line in statement(body)]):
                    break

    def chain(self, body: Body) -> Lines:
        links = [self.link(body)]
        while self.chance(0.35):
            links.append(self.labelled(body, self.random.choice(KEEPING)))
        return [self.tapped(" -> ".join(links))]

    def one_of_each(self, body: Body) -> Lines:
        """Any operator as often as any other: those that seldom fit are proposed again and again."""
        name = self.random.choice(LAYERS)
        for _ in range(ATTEMPTS):
            line = call(self.random, name, body.type, given=0.4)
            if self.probe(body, [line]):
                return [self.tapped(self.labelled(body, line))]
        return []

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
            lines.append(
                f"  for g in 0..<{random.choice((1, 2, 3))} | {random.choice(('', 'if g < 2 | '))}conv(in.channels, 1)"
            )
        return [*lines, self.tapped("}")]

    def inner(self, body: Body, head: Lines, tail: Lines, count: int) -> Body:
        inner = Body([*body.head, *body.lines, *head], [*tail, *body.tail], body.type, body.depth + 1)
        inner.data, inner.taps, inner.may_label = dict(body.data), dict(body.taps), body.may_label
        inner.hole, inner.layers = body.hole, list(body.layers)
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
            other = "else if in.rank == 9 { identity } else {" if self.chance(0.3) else "else {"
            lines[-1:] = [f"}} {other}", f"  {self.link(body)}", "}"]
        return lines

    def datum(self, body: Body) -> Lines:
        name, value = self.fresh("n"), self.random.randint(1, 5)
        body.data[name] = value
        return [f"let {name} = {number(self.random, value)}", f"conv({name}, 1)"]

    def bound(self, body: Body) -> Lines:
        """A layer under a name, with some of its arguments."""
        name = self.fresh("f")
        text, use = self.random.choice(
            (
                ("conv(window=3, pad=1, bias=false)", f"{name}({self.number()})"),
                ("conv(window=1)", f"{name}(channels={self.number()}, stride=2)"),
                (self.random.choice(KEEPING), name),
                ("leaky_relu(0.2)", f"{name}(slope=0.3)"),
                ("maxpool if in.rank == 3 else relu", f"{name}(2)"),
            )
        )
        body.layers.append(use)
        return [f"let {name} = {text}", use]

    def default(self, body: Body) -> Lines:
        """Attributes for the uses below, in a group of their own."""
        given = self.random.choice(
            (
                "conv(pad=half)",
                "conv(bias=false, pad=1)",
                "bn(momentum=0.2, eps=1e-3)",
                "maxpool(stride=1)",
                "linear(bias=false)",
            )
        )
        return self.nested(body, ["{", f"  default {given}"], self.tapped("}"))

    def constraint(self, body: Body) -> Lines:
        sizes = body.type.shape
        condition = self.random.choice(
            (
                f"in.rank >= 1 and {self.number()} > 0",
                "in.shape == in.shape",
                f"{max(sizes)} >= {min(sizes)}",
                "in.features % 1 == 0",
                "not false",
            )
        )
        return [f"where {condition}", self.random.choice(KEEPING)]

    def rows(self, body: Body) -> Lines:
        """A loop over rows of a table."""
        a, b = self.fresh("i"), self.fresh("i")
        table = ", ".join(
            f"[{self.random.randint(1, 4)}, {self.random.choice((1, 3))}]" for _ in range(self.random.choice((1, 2)))
        )
        return [f"for {a}, {b} in [{table}] {{", f"  conv({a}, {b}, pad=half) -> {self.random.choice(KEEPING)}", "}"]

    def remarks(self, body: Body) -> Lines:
        """Documentation, comments, and a lint that is silenced."""
        text = self.random.choice(("A step.", 'What """ holds \\ and \\N{DASH} # {braces}.', 'Ends with a quote"', "'"))
        lint = 'allow relu-after-relu "at random"'
        label = f"{self.fresh('g')}: " if body.may_label else ""
        link = self.random.choice(KEEPING)
        return self.random.choice(
            ([f"## {text}", f"{label}{{ {link} -> {link} }}"], [lint, f"{link} -> relu -> relu  # {text}"])
        )

    def side_output(self, body: Body) -> Lines:
        return [f"output {self.fresh('side')} = {self.link(body)}"]

    def claim(self, body: Body) -> Lines:
        text = self.random.choice(
            (
                "expect params >= 0",
                'source "Table 1 of \\"nothing\\""',
                "expect macs + 1 >= params * 0 within 1%",
                "dispute neurons == 1/3",
                "expect memory(peak) >= 0B with N = 3",
                'expect params >= 0 with training source "a \\"table\\""',
            )
        )
        return [text, self.random.choice(KEEPING)]

    def training(self, body: Body) -> Lines:
        name = self.fresh("aux")
        return ["training {", f"  {self.link(body)}", "  flatten", "  linear(2)", f"  output {name}", "}"]


def _dedented(inner: Body) -> Lines:
    """Lines of a nested body, whose own indentation its caller adds again."""
    cut = 2 * inner.depth
    return [line[cut:] for line in inner.lines]
