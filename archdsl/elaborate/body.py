"""Bodies: the statements of a pair of braces, run in turn with the current value flowing through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archdsl.elaborate import kinds
from archdsl.elaborate.links import Links
from archdsl.elaborate.lists import items_of, parts_of
from archdsl.elaborate.names import Current
from archdsl.elaborate.open_sizes import open_question
from archdsl.elaborate.problems import Fault, Silence
from archdsl.elaborate.turns import Turns, fewest, is_repeat
from archdsl.elaborate.values import Layer, Poison, SharedInstance, Tensors, kind_of, show
from archdsl.ir import Compound, Output, Relation, Size, Value
from archdsl.source import Edit, Label
from archdsl.syntax import tree


class Body(Links):
    """Runs the statements of a body. A new one is made for each pair of braces."""

    def run(self, statements: Iterable[tree.Statement], current: Current) -> Current:
        """Runs statements in turn. A mistake is reported and poisons what follows from it, no more."""
        reporter = self.build.reporter
        returned: tree.Statement | None = None
        for statement in statements:
            if returned is not None:
                reporter.report(_after_return(statement, returned))
            if self.frame.has_returned:
                break
            if isinstance(statement, tree.Allow):
                continue
            try:
                reporter.spend_work(statement.span)
                current = self._statement(statement, current)
                self.build.spend_on_sizes(statement.span)
                returned = statement if isinstance(statement, tree.Return) else None
            except Fault as fault:
                reporter.report(fault)
                current = self.spoil(statement)
            except Silence:
                current = self.spoil(statement)
        return current

    def _statement(self, statement: tree.Statement, current: Current) -> Current:
        match statement:
            case tree.Chain():
                return self.chain(statement, current)
            case tree.If():
                return self._if(statement, current)
            case tree.For():
                return self._for(statement, current)
            case tree.Repeat():
                return self._repeat(statement, current)
            case tree.Let():
                self._let(statement.name, self.value(statement.value))
            case tree.Shared():
                self._shared(statement)
            case tree.Default():
                self.default(statement)
            case tree.Training():
                self._training(statement, current)
            case tree.Input():
                return self._input(statement, current)
            case tree.Output():
                return self._output(statement, current)
            case tree.Return():
                self._return(statement)
            case tree.Where():
                self._where(statement)
            case tree.Claim() | tree.SourceNote():
                self._note(statement)
        return current

    def _let(self, name: tree.Word, value: Any) -> None:
        if name.text in self.scope.names:
            raise Fault(
                kinds.MADE_TWICE,
                f"`{name.text}` is set twice in the same braces",
                name.span,
                labels=self._set_first(name),
            )
        if isinstance(value, Tensors):
            raise Fault(
                kinds.KIND_MISMATCH,
                f"`let` names data and layers, not {kind_of(value)}",
                name.span,
                helps=(f"name a result with `... as {name.text}`",),
            )
        self.scope.names[name.text] = value

    def _shared(self, statement: tree.Shared) -> None:
        link = statement.element.link
        layer = None if isinstance(link, tree.Body | tree.Merge) else self.value(link)
        if layer is not None and (not isinstance(layer, Layer) or isinstance(layer.target, SharedInstance)):
            raise Fault(kinds.KIND_MISMATCH, f"`shared` takes a layer, not {kind_of(layer)}", link.span)
        name = statement.name.text
        shared = SharedInstance(name, statement.element, layer, self.scope.so_far(), self.place)
        self._let(statement.name, Layer(shared))
        self.place.builder.declare(name)

    def _set_first(self, name: tree.Word) -> tuple[Label, ...]:
        lets = (
            node for node in tree.walk(self.frame.body) if isinstance(node, tree.Let) and node.name.text == name.text
        )
        first = next(lets, None)
        return (Label(first.name.span, "set here first"),) if first is not None and first.name is not name else ()

    def default(self, statement: tree.Default) -> None:
        """Gives attributes to the uses of an operator or block written below. Raises `Fault`."""
        callee = self.name(statement.callee.text, statement.callee.span)
        if not isinstance(callee, Layer) or isinstance(callee.target, SharedInstance):
            raise Fault(
                kinds.KIND_MISMATCH,
                f"`default` is for operators and blocks, not {kind_of(callee)}",
                statement.callee.span,
            )
        layer, _ = self.bound(Layer(callee.target), statement)
        self.scope.defaults[callee.target] = {**self.scope.defaults.get(callee.target, {}), **layer.arguments}

    def _if(self, statement: tree.If, current: Current) -> Current:
        branch: tree.If | tree.Body | None = statement
        words = "else"
        while isinstance(branch, tree.If):
            is_met, text = self.condition(branch.condition), branch.condition.span.text
            branch, words = (branch.then, f"if {' '.join(text.split())}") if is_met else (branch.otherwise, "else")
        if branch is None:
            return current
        before, self.place.condition = self.place.condition, words
        try:
            return self.inner().run(branch.statements, current)
        finally:
            self.place.condition = before

    def _for(self, statement: tree.For, current: Current) -> Current:
        items = items_of(self.value(statement.values), statement.values)
        if is_repeat(statement, len(items), self.frame.turns):
            for item in items:
                parts_of(item, statement.names, statement.values)
            return self._repeated(statement, len(items), current)
        for body in self.turns_of(items, statement.names, statement.values):
            current = body.run(statement.body.statements, current)
        return current

    def _repeat(self, statement: tree.Repeat, current: Current) -> Current:
        count = self.value(statement.count)
        if isinstance(count, Size):
            raise open_question(f"the number of turns, `{count}`, is open", statement.count.span)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise Fault(kinds.NOT_AN_INTEGER, f"`repeat` takes a whole number, not {show(count)}", statement.count.span)
        return self._repeated(statement, count, current)

    def _repeated(self, statement: tree.Repeat | tree.For, count: int, current: Current) -> Current:
        """Turns of which none knows its number."""
        around = self.frame.turns
        turns = Turns(self, statement, fewest(count, around))
        self.frame.turns = around * max(count, 1)
        try:
            while count > 0:
                self.build.reporter.spend_work(statement.span)
                current = self.inner().run(statement.body.statements, current)
                if isinstance(current, Poison):
                    break
                count -= 1
                count -= turns.leave_out(current, count)
        finally:
            self.frame.turns = around
        return current

    def _training(self, statement: tree.Training, current: Current) -> None:
        before, outside = self.place.training, set(self.frame.taps)
        self.place.training = True
        try:
            self.inner().run(statement.body.statements, current)
        finally:
            self.place.training = before
        for name in set(self.frame.taps) - outside:
            del self.frame.taps[name]
            self.frame.sites.pop(name, None)

    def _input(self, statement: tree.Input, current: Current) -> Current:
        if not self.frame.is_network:
            raise Fault(kinds.MISPLACED_STATEMENT, "`input` is for networks: a block works on `in`", statement.span)
        value = self.build.input(statement, self)
        self.make_tap(statement.name.text, Tensors((value,)), statement)
        return current if self.frame.entry is None else (value,)

    def _output(self, statement: tree.Output, current: Current) -> Current:
        if not self.frame.is_network:
            raise Fault(
                kinds.MISPLACED_STATEMENT,
                "`output` is for networks: the result of a block is its last value",
                statement.span,
                helps=("leave it out; of several values, `return a, b` says which",),
            )
        result = current if statement.chain is None else self.chain(statement.chain, current)
        name = self.label_text(statement.name)
        if not (name.isidentifier() and name.isascii()):
            message = f"the name of an output is made of `a` to `z`, `A` to `Z`, digits and `_`: `{name}` is not"
            raise Fault(kinds.BAD_LABEL, message, statement.name.span)
        (value,) = self._one(result, f"`output {name}`", statement.span)
        if name in self.frame.outputs:
            raise Fault(
                kinds.MADE_TWICE,
                f"two outputs are called `{name}`",
                statement.name.span,
                helps=(f"call one of them otherwise, as `{self.with_turn(statement.name) or name + '2'}`",),
            )
        self.frame.outputs[name] = Output(name, value, self.place.training or self.place.within_training)
        return current if statement.chain is not None else result

    def _return(self, statement: tree.Return) -> None:
        if self.frame.is_network:
            names = ["out"] if len(statement.values) == 1 else [f"out{i}" for i in range(1, len(statement.values) + 1)]
            outputs = [
                f"output {name} = {value.span.text}" for name, value in zip(names, statement.values, strict=True)
            ]
            written = "; ".join(outputs)
            raise Fault(
                kinds.MISPLACED_STATEMENT,
                "`return` is for blocks: a network has outputs",
                statement.span,
                helps=(f"write `{written}`",),
                edit=Edit(statement.span, written) if len(statement.values) == 1 else None,
            )
        values: list[Value] = []
        for expression in statement.values:
            value = self.value(expression)
            if not isinstance(value, Tensors):
                raise Fault(kinds.KIND_MISMATCH, f"a block returns tensors, not {kind_of(value)}", expression.span)
            values += value.values
        self.frame.returned = tuple(values)
        self.frame.has_returned = True

    def _where(self, statement: tree.Where) -> None:
        self.build.bound(statement, self)
        condition = self.value(statement.condition, constrains=True)
        message, helps = f"the constraint `{statement.condition.span.text}` does not hold", tuple[str, ...]()
        if isinstance(condition, Relation | Compound) and condition.domain.decide(condition) is None:
            condition.domain.state(condition)
            holds = condition.at(condition.domain.example)
            named = ", ".join(f"{symbol} = ..." for symbol in condition.domain.example)
            message = f"no sizes were found that meet all constraints, `{statement.condition.span.text}` among them"
            helps = (f"name some in a claim: `expect ... with {named}`",)
        else:
            holds = self.condition(statement.condition, constrains=True)
        if not holds:
            raise Fault(
                kinds.CONSTRAINT_FAILS, message, statement.span, self._values_in(statement.condition), helps=helps
            )

    def _values_in(self, condition: tree.Expression) -> str:
        """What the names of a condition stand for: `in.width = 3`."""
        found: dict[str, str] = {}
        for node in tree.walk(condition):
            if isinstance(node, tree.Name | tree.Attribute) and not any(node.span.text in name for name in found):
                value = self.value(node)
                if isinstance(value, int | str | tuple):
                    found[node.span.text] = show(value)
        return ", ".join(f"{name} = {value}" for name, value in found.items())

    def _note(self, statement: tree.Claim | tree.SourceNote) -> None:
        if not self.frame.is_network:
            raise Fault(
                kinds.MISPLACED_STATEMENT, "claims and sources are for networks, not for blocks", statement.span
            )
        self.build.note(statement, self)


def _after_return(statement: tree.Statement, returned: tree.Statement) -> Fault:
    return Fault(
        kinds.MISPLACED_STATEMENT,
        "nothing runs after `return`",
        statement.span,
        labels=(Label(returned.span, "the block ends here"),),
        helps=("`return` is the last statement of its block or branch",),
    )
