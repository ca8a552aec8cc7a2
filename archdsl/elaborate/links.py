"""Chains of links: layers applied in turn, groups, and merges with their arms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from archdsl.elaborate import kinds
from archdsl.elaborate.arguments import make_op
from archdsl.elaborate.expressions import LENGTH_LIMIT, truth
from archdsl.elaborate.layers import Layers
from archdsl.elaborate.lists import items_of, parts_of
from archdsl.elaborate.names import Current, taps
from archdsl.elaborate.open_sizes import settled
from archdsl.elaborate.problems import Fault, Silence
from archdsl.elaborate.scope import known_elsewhere
from archdsl.elaborate.values import POISON, Layer, Poison, SharedInstance, Tensors, kind_of
from archdsl.ir import Op, Value, show_shape
from archdsl.ops import find
from archdsl.source import Edit, Label, Span, counted
from archdsl.syntax import tree


class Links(Layers):
    """Applies the links of chains at a place."""

    def run(self, statements: Iterable[tree.Statement], current: Current) -> Current:
        """Runs statements in turn."""
        raise NotImplementedError

    def chain(self, chain: tree.Chain, current: Current) -> Current:
        """Applies the links of a chain in turn; the last result. Behind a mistake they are still read for their own."""
        is_spoiled = False
        for index, element in enumerate(chain.elements):
            doc = chain.doc if index == 0 else ""
            try:
                current = self._element(element, current, index == 0, doc)
            except Fault as fault:
                self.build.reporter.report(fault)
                is_spoiled, current = True, self.spoil(element)
            except Silence:
                is_spoiled, current = True, self.spoil(element)
        if is_spoiled:
            raise Silence
        return current

    def spoil(self, syntax: tree.Statement | tree.Element) -> Poison:
        """After a mistake: the names that it would have made are poisoned."""
        if isinstance(syntax, tree.Let | tree.Shared):
            self.scope.names.setdefault(syntax.name.text, POISON)
        if isinstance(syntax, tree.Input):
            self.frame.taps.setdefault(syntax.name.text, POISON)
            for size in syntax.shape.items:
                if isinstance(size, tree.Name) and not self.knows(size.text):
                    self.scope.names[size.text] = POISON
        for tap in taps(syntax):
            if tap.appends:
                self.frame.taps[tap.name] = POISON  # how many it would have is not known
            else:
                self.frame.taps.setdefault(tap.name, POISON)
        return POISON

    def _element(self, element: tree.Element, current: Current, is_first: bool, doc: str) -> Current:
        current = self._link(element, current, is_first, doc)
        if element.taps:
            if isinstance(current, Poison):
                raise Silence
            self._name_results(element, current)
        return current

    def _link(self, element: tree.Element, current: Current, is_first: bool, doc: str) -> Current:
        link, label = element.link, element.label
        if isinstance(link, tree.Body):
            return self._group(link, label, current, doc)
        if isinstance(link, tree.Merge):
            return self._merge(link, label, current, doc)
        value, tensors = self._callee(link)
        if isinstance(value, Tensors):
            return self._start(value, link, label, is_first)
        if not isinstance(value, Layer):
            message, what = f"expected a layer, found {kind_of(value)}", f"this is {kind_of(value)}"
            raise Fault(kinds.KIND_MISMATCH, message, link.span, what, helps=self.hidden(link.span.text))
        if isinstance(current, Poison) and value.op is not None:
            make_op(value, link.span)  # its own mistakes are worth telling, whatever spoiled its operand
        return self.apply(value, self._operands(value, current, tensors, link.span), label, link.span, doc)

    def _callee(self, link: tree.Expression) -> tuple[Any, tuple[Value, ...]]:
        """What a link names, and the tensors among its arguments (`add(skip)`)."""
        if isinstance(link, tree.Call):
            callee = self.called(link)
            if isinstance(callee, Layer):
                return self.bound(callee, link)
        return self.value(link), ()

    def _start(self, value: Tensors, link: tree.Expression, label: tree.Label | None, is_first: bool) -> Current:
        if not is_first:
            raise Fault(
                kinds.KIND_MISMATCH,
                "a tensor can only start a chain",
                link.span,
                "this is a tensor",
                helps=self.hidden(link.span.text)
                or (f"join it with a merge: `add({link.span.text})` or `concat({link.span.text})`",),
            )
        if label is not None:
            raise Fault(
                kinds.KIND_MISMATCH,
                "a label belongs to a layer, not to a tensor",
                label.span,
                helps=(f"name a result with `as {label.text}`",),
            )
        return value.values

    def _operands(self, layer: Layer, current: Current, tensors: tuple[Value, ...], span: Span) -> tuple[Value, ...]:
        """The operands of a layer: the current values, one for most operators, and the tensors among a merge's arguments."""
        if layer.is_merge:
            if current is None and tensors:
                return tensors
            return self._joined(current, layer, tensors, span)
        op = layer.op
        if isinstance(layer.target, SharedInstance) and layer.target.layer is not None:
            op = layer.target.layer.op
        if op is not None and op.operands == 0:
            return ()
        if op is None:
            return self._several(current, f"`{layer.name}`", span)
        if op.operands is None:
            return self._joined(current, layer, (), span)
        return self._one(current, f"`{layer.name}`", span)

    def _joined(self, current: Current, layer: Layer, tensors: tuple[Value, ...], span: Span) -> tuple[Value, ...]:
        """What a merge joins: the current values, and the tensors among its arguments."""
        values = self._several(current, f"`{layer.name}`", span) + tensors
        if not values:
            raise Fault(kinds.EMPTY_MERGE, f"`{layer.name}` has nothing to join", span, "the list before it is empty")
        return values

    def _several(self, current: Current, what: str, span: Span) -> tuple[Value, ...]:
        if isinstance(current, Poison):
            raise Silence
        if current is None:
            why = "" if self.frame.taps else ": the network declares no input"
            raise Fault(
                kinds.NO_CURRENT_VALUE, f"there is no value for {what} to work on{why}", span, helps=self.starts()
            )
        return current

    def _one(self, current: Current, what: str, span: Span) -> tuple[Value, ...]:
        values = self._several(current, what, span)
        if len(values) != 1:
            raise Fault(
                kinds.SEVERAL_VALUES,
                f"{what} takes one value, and {len(values)} are current",
                span,
                helps=("join them with `concat` or `add`, or name them with `as p, q`",) if values else (),
            )
        return values

    def _name_results(self, element: tree.Element, current: Current) -> None:
        values = self._several(current, "`as`", element.span)
        taps = element.taps
        if len(taps) == 1:
            self._name_result(taps[0], Tensors(values, is_list=len(values) > 1, has_items=_are_items(values)))
            return
        if len(taps) != len(values):
            raise Fault(
                kinds.SEVERAL_VALUES,
                f"{len(taps)} names for {counted(len(values), 'value')}",
                taps[0].span.to(taps[-1].span),
                helps=_states(values),
            )
        for tap, value in zip(taps, values, strict=True):
            self._name_result(tap, Tensors((value,)))

    def _name_result(self, tap: tree.Tap, result: Tensors) -> None:
        if tap.name == "_":
            return
        if not tap.appends:
            self.make_tap(tap.name, result, tap)
            return
        before = self.frame.taps.get(tap.name)
        if isinstance(before, Poison):
            raise Silence
        if before is not None and not before.is_list:
            raise Fault(kinds.MADE_TWICE, f"`{tap.name}` is one tensor, not a list", tap.span)
        earlier = before.values if before is not None else ()
        if len(earlier) + len(result.values) > LENGTH_LIMIT:
            help = f"`{tap.name}[-1]` reads the last result alone; join what came before in the loop"
            raise Fault(kinds.BUDGET_EXCEEDED, f"a list of more than {LENGTH_LIMIT:_} items", tap.span, helps=(help,))
        self.frame.taps[tap.name] = Tensors(earlier + result.values, is_list=True)

    def make_tap(self, name: str, result: Tensors, site: tree.Syntax) -> None:
        first = self.frame.sites.get(name)
        if first is not None and first is not site and not self.frame.are_alternatives(first, site):
            in_loop = isinstance(site, tree.Tap) and self.frame.loops_around(site.span)
            raise Fault(
                kinds.MADE_TWICE,
                f"`{name}` is made in two places",
                site.span,
                "made again here",
                labels=(Label(first.span, "made here first"),),
                helps=(f"each turn adds to a list by `as {name}[]`, and `{name}[-1]` is the last",) if in_loop else (),
            )
        self.frame.sites[name] = site
        self.frame.taps[name] = result
        if len(result.values) == 1 and result.values[0].tap is None:
            result.values[0].tap = name

    # Groups and merges

    def turns(self, names: list[tree.Word], values: tree.Expression) -> Iterable[Self]:
        """A body for each turn of a loop, with its variables set."""
        return self.turns_of(items_of(self.value(values), values), names, values)

    def turns_of(self, items: tuple[Any, ...], names: list[tree.Word], values: tree.Expression) -> Iterable[Self]:
        with self.build.reporter.spending("this loop", values.span) as spender:
            for item in items:
                spender.turns += 1
                self.build.reporter.spend_work(values.span)
                body = self.inner()
                body.scope.names |= parts_of(item, names, values)
                yield body

    def condition(self, expression: tree.Expression, *, constrains: bool = False) -> bool:
        return settled(truth(self.value(expression, constrains=constrains), expression.span), expression.span)

    def _group(self, body: tree.Body, label: tree.Label | None, current: Current, doc: str) -> Current:
        if label is None:
            return self.inner().run(body.statements, current)
        inside: Links
        with self.build.group(self, label, doc) as inside:
            return inside.run(body.statements, current)

    def _merge(self, merge: tree.Merge, label: tree.Label | None, current: Current, doc: str) -> Current:
        layer, tensors = self._callee(merge.callee)
        if not isinstance(layer, Layer) or layer.op is None or layer.op.operands == 1:
            raise _no_merge(merge.callee)
        if label is None:
            return self._merge_here(merge, layer, tensors, current, doc)
        inside: Links
        with self.build.group(self, label, doc) as inside:
            return inside._merge_here(merge, layer, tensors, current, "")

    def _merge_here(
        self, merge: tree.Merge, layer: Layer, tensors: tuple[Value, ...], current: Current, doc: str
    ) -> Current:
        values: list[Value] = []
        labels: list[Label] = []
        spoiled = False
        for arm, body in self._arms(merge):
            before = self.frame.has_returned
            result = body.run(arm.statements, current)
            self.frame.has_returned = before
            if isinstance(result, Poison):
                spoiled = True
                continue
            span = arm.statements[-1].span if arm.guards else arm.span
            is_idle = result is current and not isinstance(arm.statements[-1], tree.Chain)
            remark = ", as it entered" if is_idle else ""
            for value in self._several(result, "the arm", arm.span):
                values.append(value)
                labels.append(Label(span, show_shape(value.type.shape) + remark))
        if spoiled:
            raise Silence
        operands = (*values, *tensors)
        if not operands:
            raise Fault(
                kinds.EMPTY_MERGE, f"`{layer.name}` has no arm left", merge.span, "every arm's condition is false"
            )
        return self.apply(layer, operands, None, merge.callee.span, doc, tuple(labels))

    def _arms(self, merge: tree.Merge) -> Iterable[tuple[tree.Arm, Self]]:
        for arm in merge.arms:
            for body in self._guarded(arm.guards):
                yield arm, body

    def _guarded(self, guards: Sequence[tree.ArmIf | tree.ArmFor]) -> Iterable[Self]:
        """A body for each time that an arm is there."""
        if not guards:
            yield self.inner()
            return
        first, *rest = guards
        if isinstance(first, tree.ArmFor):
            for body in self.turns(first.names, first.values):
                yield from body._guarded(rest)
        elif self.condition(first.condition):
            yield from self._guarded(rest)


def _are_items(values: Sequence[Value]) -> bool:
    """Whether these are all results of an operator that gives a list, of one item too."""
    node = values[0].producer if values else None
    if node is None or not isinstance(node.operator, Op):
        return False
    return node.operator.gives_list and len(values) == len(node.results)


def _states(values: Sequence[Value]) -> tuple[str, ...]:
    """What helps where a recurrence was to give its states too."""
    node = values[0].producer
    if len(values) > 1 or node is None or not isinstance(node.operator, Op) or "final" not in node.operator.fields():
        return ()
    return ("`final=true` gives the last states too",)


def _no_merge(callee: tree.Expression) -> Fault:
    """Arms behind what does not take several tensors."""
    word = callee.callee.span if isinstance(callee, tree.Call) else callee.span
    meant = known_elsewhere(word.text)
    op = find(meant) if meant is not None and meant != word.text else None
    merges = op is not None and op.operands is None
    return Fault(
        kinds.KIND_MISMATCH,
        f"`{callee.span.text}` does not merge: only operators that take several tensors have arms",
        callee.span,
        f"did you mean `{meant}`?" if merges else "",
        edit=Edit(word, meant) if merges and meant is not None else None,
    )
