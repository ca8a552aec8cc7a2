"""The statements of a `forward`: which expression each name stands for, and when a name is given up.

A value may stay bound only as long as somebody needs it, so that the real peak of memory is the one that liveness
predicts. A result takes over the name of an operand that it used up; what else dies is deleted before the next statement
that allocates. What `forward` was called with is exempt: the caller's frame holds it anyway. An expression stands inside
another only where the outer one allocates nothing, since the inner one's operands are still bound while it runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from itertools import accumulate
from typing import NamedTuple

from archdsl.backends.pytorch.code.body import Body, Returns, annotation, changed_type, is_training, label
from archdsl.backends.pytorch.code.cells import rows_of_cells
from archdsl.backends.pytorch.code.layout import fill, is_call, is_rows
from archdsl.backends.pytorch.code.names import unique, variable_name
from archdsl.backends.pytorch.code.statements import Application, Forward, Statement
from archdsl.ir import Node, TensorType, Value

FLOW = ("x", "y", "z", "w", "u", "v", "a", "b", "c", "d")
"""Names of values that only pass through."""

LETTERS = 4
"""Values without a name that come at once are called by so many letters; more are numbered."""

LONG = 88
"""Columns that a statement with an expression inside another may take."""


def write_forward(
    body: Body,
    applications: list[Application],
    parameters: tuple[str, ...],
    returns: Returns | None,
    taken: Set[str],
    tensors: Mapping[Value, str] | None = None,
) -> Forward:
    """Writes the `forward` of a module.

    Args:
        applications: how each node of the body is written.
        parameters: names for the inputs, as far as the spec has some.
        returns: the network's outputs; None for every other module.
        taken: names that the file uses otherwise.
        tensors: the learned tensors, as code names them.
    """
    writer = _Writer(body, applications, taken, returns is not None and bool(returns.output_class), tensors or {})
    writer.bind_inputs(parameters)
    for position in range(len(body.nodes)):
        writer.add(position)
    writer.finish(returns)
    imports = frozenset(name for a in applications for name in a.imports)
    helpers = tuple(a.helper for a in applications if a.helper is not None)
    return Forward(tuple(writer.parameters), tuple(writer.statements), annotation(body, returns), imports, helpers)


class _Pending(NamedTuple):
    """An expression that will stand inside the next one."""

    position: int
    expression: str


class _Writer:
    def __init__(
        self,
        body: Body,
        applications: list[Application],
        taken: Set[str],
        is_wrapped: bool,
        tensors: Mapping[Value, str],
    ) -> None:
        self.body = body
        self.applications = applications
        self.statements: list[Statement] = []
        self.parameters: list[str] = []
        self._taken = taken
        self._is_wrapped = is_wrapped
        self._tensors = tensors
        self._names: dict[Value, str] = {}
        self._bound: dict[str, Value] = {}
        self._stale: dict[bool, list[str]] = {False: [], True: []}
        self._in_training: set[Value] = set()
        self._told: dict[Value, bool] = {}
        """The values that have names of the spec. What comes of one alone takes over its name, where one node made several."""
        self._passing = [*FLOW]
        """Names that may be taken over."""
        self._training = False
        self._pending: _Pending | None = None
        self._last = body.last
        self._unwritten = self._idle()
        self._order = [0, *accumulate(int(not n.training) for n in body.nodes)]
        """For each position, how many nodes before it run always."""
        rows = rows_of_cells(body, [bool(a.callee) for a in applications], self._last)
        self._cells = {p for row in rows for p in row}
        begun = (zip(body.operands(body.nodes[row[0]]), ("x", "before"), strict=True) for row in rows)
        self._wanted: dict[Value, str] = dict(pair for pairs in begun for pair in pairs)

    def bind_inputs(self, names: tuple[str, ...]) -> None:
        numbered = self._numbered(self.body.inputs[len(names) :])
        for index, value in enumerate(self.body.inputs):
            known = names[index] if index < len(names) else numbered.get(value) or value.tap or ""
            name = "x" if len(self.body.inputs) == 1 else self._fresh(known)
            self.parameters.append(name)
            self._bind(value, name)
        for name, value in list(self._bound.items()):
            if value not in self._last:
                del self._bound[name]

    def add(self, position: int) -> None:
        """Adds one node: a statement, or an expression for the next statement to hold."""
        node = self.body.nodes[position]
        self._enter(node.training)
        if node in self._unwritten:
            self._flush()
            self._release(self._dying([position]), [])
            return
        expression = self._expression(position)
        if self._pending is not None and len(expression) > LONG:
            self._flush()
            expression = self._expression(position)
        if self._nests(position, expression):
            self._pending = _Pending(position, expression)
        else:
            self._write(position, expression)

    def finish(self, returns: Returns | None) -> None:
        """Adds what `forward` returns, where the last statement has not."""
        if self.statements and self.statements[-1].prefix == "return ":
            return
        self._training = False
        values = [self._text(v) for v in self.body.outputs]
        if returns is None:
            training = [is_training(v) for v in self.body.outputs]
            parts = [f"{v} if self.training else None" if t else v for v, t in zip(values, training, strict=True)]
            if parts or not self.statements:
                self._say("return " if parts else "return", ", ".join(parts))
            return
        always = [v for v, t in zip(values, returns.training, strict=True) if not t]
        apart = [v for v, t in zip(values, returns.training, strict=True) if t]
        if apart:
            self._training = True
            self._say("return ", f"{returns.output_class}({', '.join(always + apart)})")
            self._training = False
        plain = len(always) == 1 and (apart or not returns.output_class)
        self._say("return ", always[0] if plain else f"{returns.output_class}({', '.join(always)})")

    def _expression(self, position: int) -> str:
        node, application = self.body.nodes[position], self.applications[position]
        operands = [self._text(v) for v in self.body.operands(node)]
        if application.callee:
            call = application.template or "{}({})"
            return call.format(application.callee, ", ".join(operands))
        return operands[1] if application.accumulates else fill(application.template, operands)

    def _text(self, value: Value) -> str:
        pending = self._pending
        if pending is not None and value is self.body.nodes[pending.position].results[0]:
            return pending.expression
        return self._tensors[value] if value in self._tensors else self._names[value]

    def _nests(self, position: int, expression: str) -> bool:
        """Whether the expression may stand inside that of the next node."""
        if self._pending is not None or position + 1 == len(self.body.nodes) or position in self._cells:
            return False
        if self.body.nodes[position + 1] in self._unwritten:
            return False
        node, follower = self.body.nodes[position], self.body.nodes[position + 1]
        application, outer = self.applications[position], self.applications[position + 1]
        if len(node.results) != 1 or application.accumulates or node.training != follower.training:
            return False
        value = node.results[0]
        reading = self.body.operands(follower)
        if self.body.readers[value] != 1 or value not in (reading[1:] if outer.accumulates else reading):
            return False
        if outer.template.count(f"{{{reading.index(value)}}}") > 1:
            return False
        if not outer.allocates and (not outer.copies or application.keeps or self._outlives(node, position + 1)):
            return is_call(expression)
        if is_rows(expression):  # of the same storage as what it stands for
            return not outer.callee and not application.allocates
        is_function = not application.callee and is_call(expression) and application.allocates
        is_module = bool(outer.callee) and len(reading) == 1
        return is_function and is_module and self._outlives(node, position + 1) and not self._is_followed(position + 1)

    def _idle(self) -> set[Node]:
        """Views that nobody reads, of values that are read otherwise: taps that the spec asks for their sizes."""
        pairs = zip(self.body.nodes, self.applications, strict=True)
        made = {n for n, a in pairs if a.allocates or a.accumulates or a.copies or a.callee}
        found = [n for n in self.body.nodes if n not in made and not any(v in self._last for v in n.results)]
        reads = Counter(v for n in found for v in self.body.operands(n))
        kept = {v for v in reads if v in self.body.inputs or v in self._tensors or self.body.readers[v] > reads[v]}
        return {n for n in found if kept.issuperset(self.body.operands(n))}

    def _is_followed(self, position: int) -> bool:
        """Whether the next node takes it into its own statement, as an activation does that runs in place."""
        after = position + 1
        if after == len(self.body.nodes) or self.applications[after].allocates or self.applications[after].accumulates:
            return False
        return not {*self.body.nodes[position].results[:1]}.isdisjoint(self.body.operands(self.body.nodes[after]))

    def _outlives(self, node: Node, position: int) -> bool:
        """Whether all that a node reads is there after a later one too, or held by the caller."""
        values = self.body.operands(node)
        return all(v in self.body.inputs or self._last[v] > position for v in values if v not in self._tensors)

    def _flush(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            self._write(pending.position, pending.expression)

    def _write(self, position: int, expression: str) -> None:
        """Adds a statement for a node and the one inside it, and settles which names live on."""
        positions = [position] if self._pending is None else [self._pending.position, position]
        self._pending = None
        if any(self.applications[p].allocates or self.applications[p].copies for p in positions):
            self._drop()
        node = self.body.nodes[position]
        joint = self.applications[position].accumulates or "="
        comment = changed_type(self._source(positions[-1:] if joint != "=" else positions), node)
        if self._returns(position):
            self._say("return ", expression, comment)
            return
        if position in self._cells:
            self._turn(position, expression, comment)
            return
        dying = self._dying(positions)
        targets = self._targets(positions, dying)
        is_bare = set(targets) <= {"_"} and is_call(expression)
        self._say("" if is_bare else f"{', '.join(targets)} {joint} ", expression, comment)
        taken_over = {self._names[v] for v in dying if self._told.get(v)}
        self._release(dying, targets)
        self._stale[self._training] = [n for n in self._stale[self._training] if is_bare or n not in targets]
        for value, name in zip(node.results, targets, strict=True):
            if name in taken_over:
                self._told[value] = True
            if value in self._last:
                self._bind(value, name)
            elif not is_bare:
                self._stale[self._training].append(name)
        for value in node.results:
            self._hand_on(value, dying)

    def _hand_on(self, value: Value, dying: list[Value]) -> None:
        """Ends a turn of a loop: what it hands on has the name of what it was given, and what died in it is deleted."""
        name = self._handed_name(value, dying)
        if name and name != self._names[value]:
            self._say(f"{name} = ", self._names[value])
            self._stale[self._training] = [n for n in self._stale[self._training] if n != name]
            self._stale[self._training].append(self._names[value])
            del self._bound[self._names[value]]
            self._bind(value, name)
        if value in self.body.follows:
            self._drop()

    def _handed_name(self, value: Value, dying: list[Value]) -> str:
        """The name that a turn of a loop was given its value under, where that is free by now."""
        given = self.body.follows.get(value)
        name = "" if given is None or value not in self._last else self._names.get(given, "")
        return name if name and (self._bound.get(name) in (None, value) or self._bound[name] in dying) else ""

    def _turn(self, position: int, expression: str, comment: str) -> None:
        """`x, before = self.cell_1(x, before), x`: both names go one cell on."""
        node = self.body.nodes[position]
        current, before = self.body.operands(node)
        names = self._names[current], self._names[before]
        self._say(f"{', '.join(names)} = ", f"{expression}, {names[0]}", comment)
        for value, name in zip((node.results[0], current), names, strict=True):
            del self._bound[name]
            if self._last.get(value, position) > position:
                self._bind(value, name)
            else:
                self._stale[False].append(name)

    def _returns(self, position: int) -> bool:
        """Whether the node is the last and makes the only output, which is no member of a class."""
        node = self.body.nodes[position]
        is_last = position + 1 == len(self.body.nodes) and self.body.outputs == list(node.results)
        return is_last and not (node.training or self.applications[position].accumulates or self._is_wrapped)

    def _source(self, positions: list[int]) -> TensorType | None:
        operands = self.body.nodes[positions[0]].operands
        return operands[0].type if operands else None

    def _dying(self, positions: list[int]) -> list[Value]:
        """The named values that nobody reads after these nodes."""
        read = dict.fromkeys(v for p in positions for v in self.body.operands(self.body.nodes[p]) if v in self._names)
        return [v for v in read if self._last[v] in positions]

    def _targets(self, positions: list[int], dying: list[Value]) -> list[str]:
        """The names of the last node's results; `_` where nobody reads one."""
        node, application = self.body.nodes[positions[-1]], self.applications[positions[-1]]
        operands = self.body.operands(node)
        if application.accumulates:
            return [self._names[operands[0]]]
        if len(node.results) == 1 and (handed := self._handed_name(node.results[0], dying)):
            return [handed]
        free = [v for v in dying if not self._training or v in self._in_training]
        keeps_storage = not application.allocates and len(node.results) == 1
        if keeps_storage and operands[0] in free and node.results[0] in self._last:
            return [self._names[operands[0]]]
        is_single = all(len(self.body.operands(self.body.nodes[p])) == 1 for p in positions)
        parts = [self._names[v] for v in free if self._told.get(v) and is_single]
        passing = [self._names[v] for v in free if v not in self._told and self._names[v] in self._passing]
        reusable = parts + sorted(passing, key=self._passing.index)
        numbered = self._numbered(node.results)
        self._passing += numbered.values()
        targets: list[str] = []
        for value in node.results:
            targets.append(self._target(value, positions, reusable, targets, numbered.get(value, "")))
        return targets

    def _target(self, value: Value, positions: list[int], reusable: list[str], others: list[str], numbered: str) -> str:
        if value not in self._last:
            return "_"
        if value in self._wanted:
            return self._fresh(self._wanted[value], others)
        whole = self._whole(value)
        position = positions[-1]
        is_part = len(self.body.nodes[position].results) > 1
        if whole.tap and (is_part or self.body.readers[whole] > 1) and variable_name(whole.tap):
            self._told[value] = is_part
            return self._fresh(whole.tap, others)
        tap = variable_name(self.body.tap_ahead(value))
        # No name that would have to be deleted is passed over.
        if tap and tap not in FLOW and (tap in reusable or all(self._bound[n] in self.body.inputs for n in reusable)):
            self._told[value] = True
            return tap if tap in reusable else self._fresh(tap, others)
        if numbered:
            return self._fresh(numbered, others)
        if reusable:
            return reusable.pop(0)
        if is_part or not (self._training or self._order[self._last[value]] > self._order[position] + 1):
            return self._fresh("", others)
        labels = (label(self.body.nodes[p]) for p in reversed(positions))
        return self._fresh(next(filter(variable_name, labels), ""), others)

    def _whole(self, value: Value) -> Value:
        """What becomes of a value where more is added to it in its place."""
        last = self._last.get(value, len(self.body.nodes))
        while last < len(self.body.nodes) and self.applications[last].accumulates:
            reader = self.body.nodes[last]
            if self.body.operands(reader)[0] is not value:
                break
            value = reader.results[0]
            last = self._last.get(value, len(self.body.nodes))
        return value

    def _fresh(self, wanted: str, others: list[str] | tuple[str, ...] = ()) -> str:
        """A name that stands for nothing now: the wanted one if code can say it, else one that only passes through."""
        taken = {*self._unfree(), *others}
        name = variable_name(wanted)
        if name:
            return unique(name, taken)
        return next((letter for letter in FLOW if letter not in taken), "") or unique("x", taken)

    def _numbered(self, values: Sequence[Value]) -> dict[Value, str]:
        """`x0`, `x1` and so on for those that the spec gives no name, where they are many."""
        unnamed = [v for v in values if not variable_name(v.tap or "")]
        if len(unnamed) <= LETTERS:
            return {}
        taken = self._unfree()
        rows = ([f"{letter}{i}" for i in range(len(unnamed))] for letter in FLOW)
        names = next((row for row in rows if taken.isdisjoint(row)), [])
        return dict(zip(unnamed, names, strict=False))

    def _unfree(self) -> set[str]:
        """The names that stand for something."""
        return {*self._bound, *self._stale[False], *self._stale[True], *self._taken}

    def _bind(self, value: Value, name: str) -> None:
        self._names[value] = name
        self._bound[name] = value
        if self._training:
            self._in_training.add(value)

    def _release(self, dying: list[Value], targets: list[str]) -> None:
        """Gives up names that are not rebound. Where they were parameters, the caller's frame holds the value anyway."""
        for value in dying:
            name = self._names[value]
            del self._bound[name]
            if name not in targets and value not in self.body.inputs:
                self._stale[value in self._in_training].append(name)

    def _enter(self, training: bool) -> None:
        """Begins or ends the part of `forward` that runs only while training."""
        if training != self._training:
            self._drop()
            self._training = training

    def _drop(self) -> None:
        if names := self._stale[self._training]:
            self._say("del ", ", ".join(dict.fromkeys(names)))
            names.clear()

    def _say(self, prefix: str, expression: str, comment: str = "") -> None:
        self.statements.append(Statement(prefix, expression, comment, self._training))
