"""What names stand for at a place in a body."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import cached_property, lru_cache
from typing import Any, Protocol, Self

from archdsl.elaborate import kinds
from archdsl.elaborate.arguments import Evaluated, bind, misread_word
from archdsl.elaborate.budget import ARGUMENTS_LIMIT
from archdsl.elaborate.elsewhere import reworded
from archdsl.elaborate.expressions import evaluate
from archdsl.elaborate.place import Place
from archdsl.elaborate.prelude import prelude_block
from archdsl.elaborate.problems import Fault, Reporter, Silence
from archdsl.elaborate.scope import Scope, builtin, builtin_names, hint, known_elsewhere
from archdsl.elaborate.values import Given, Layer, Poison, SharedInstance, Tensors, kind_of, tensors_in
from archdsl.ir import Domain, Module, Op, Output, Value
from archdsl.prelude import names as prelude_names
from archdsl.source import Edit, Label, Span, in_ascii, nearest
from archdsl.syntax import UNKNOWN_NAMES, tree

Current = tuple[Value, ...] | None | Poison
"""The current value, or values, of a body: None where a network has not begun, POISON after a mistake."""


_LOOPS = (tree.For, tree.Repeat)


class Frame:
    """What belongs to one run of a block's body: its input, its taps, the names around its declaration."""

    def __init__(self, outer: Scope, entry: Current, *, is_network: bool = False, around: Frame | None = None) -> None:
        self.outer = outer
        self.around = around
        """That of the body in which a shared group is written, whose taps are not known in it."""
        self.entry = entry
        self.is_network = is_network
        self.taps: dict[str, Any] = {}
        self.sites: dict[str, tree.Syntax] = {}
        self.returned: Current = None
        self.has_returned = False
        self.outputs: dict[str, Output] = {}
        self.turns = 1
        """Those of all the loops around, of such as do not know their number."""
        self.body: tree.Syntax | None = None

    @cached_property
    def tap_sites(self) -> dict[str, Span]:
        """Where the text of the body makes each of its taps first."""
        return {tap.name: tap.span for tap in reversed(list(taps(self.body)))}

    @cached_property
    def size_sites(self) -> dict[str, Span]:
        """Where the inputs of a network declare each size that is open."""
        inputs = [s for s in tree.walk(self.body) if isinstance(s, tree.Input)]
        return {size.text: size.span for s in inputs for size in s.shape.items if isinstance(size, tree.Name)}

    @cached_property
    def no_names(self) -> dict[str, tree.Syntax]:
        """What the text of the body calls otherwise: labelled elements, and variables of braces, by name."""
        found: dict[str, tree.Syntax] = {}
        for node in tree.walk(self.body):
            if isinstance(node, tree.Element) and node.label is not None:
                found.setdefault(node.label.text, node)
            for word in node.names if isinstance(node, tree.For) else [node.name] if isinstance(node, tree.Let) else ():
                found.setdefault(word.text, word)
        return found

    @cached_property
    def sides(self) -> list[tree.Training]:
        """The side branches in the text of the body."""
        return [node for node in tree.walk(self.body) if isinstance(node, tree.Training)]

    def defines(self, name: tree.Word, span: Span) -> bool:
        """Whether a place stands in the value that a `let` gives a name."""
        lets = (node for node in tree.walk(self.body) if isinstance(node, tree.Let))
        return any(node.name is name and holds(node.value.span, span) for node in lets)

    def loops_around(self, span: Span) -> list[tree.For | tree.Repeat]:
        """The loops in the text of the body that a place stands in, outermost first."""
        return [node for node in tree.walk(self.body) if isinstance(node, _LOOPS) and holds(node.body.span, span)]

    def are_alternatives(self, first: tree.Syntax, second: tree.Syntax) -> bool:
        """Whether two places stand in different branches of one `if`."""
        earlier, later = sorted((first, second), key=lambda place: place.span.start)
        return any(
            branch.otherwise is not None and holds(branch.otherwise.span, later.span)
            for branch in self._branches.get(earlier, ())
        )

    @cached_property
    def _branches(self) -> dict[tree.Syntax, tuple[tree.If, ...]]:
        """For each tap and input in the text of the body, the `if`s in whose first branch it stands."""
        found: dict[tree.Syntax, tuple[tree.If, ...]] = {}
        waiting: list[tuple[Any, tuple[tree.If, ...]]] = [(self.body, ())]
        while waiting:
            node, around = waiting.pop()
            if isinstance(node, list):
                waiting += ((item, around) for item in node)
            elif isinstance(node, tree.If):
                waiting += [(node.then, (*around, node)), (node.otherwise, around)]
            elif isinstance(node, tree.Tap | tree.Input):
                found[node] = around
            elif isinstance(node, tree.Syntax):
                waiting += ((getattr(node, field), around) for field in node.fields)
        return found


class Building(Protocol):
    """What bodies ask of the network that is being built; bodies are `Any` here, since they are defined above this."""

    reporter: Reporter
    domain: Domain | None
    """Of the sizes that are open, where some are."""

    def spend_on_sizes(self, span: Span) -> None: ...

    def input(self, statement: tree.Input, body: Any) -> Value: ...

    def note(self, statement: tree.Claim | tree.SourceNote, body: Any) -> None: ...

    def bound(self, statement: tree.Where, body: Any) -> None: ...

    def group(self, body: Any, label: tree.Label, doc: str) -> AbstractContextManager[Any]: ...

    def call_block(
        self, body: Any, layer: Layer, operands: tuple[Value, ...], label: tree.Label | None, span: Span, doc: str
    ) -> Current: ...

    def shared_instance(
        self, body: Any, shared: SharedInstance, layer: Layer | None, operands: tuple[Value, ...], span: Span
    ) -> Module | Op: ...


class Names:
    """The names known at one place: those of its braces, the block's taps, the file's, the built-in ones."""

    def __init__(self, build: Building, frame: Frame, scope: Scope, place: Place) -> None:
        self.build = build
        self.frame = frame
        self.scope = scope
        self.place = place

    def name(self, text: str, span: Span) -> Any:
        """What a name stands for. Raises `Fault` with a suggestion, or `Silence` for what was spoiled before."""
        found = self.scope.lookup(text)
        if found is None:
            found = self.frame.taps.get(text)
        if found is None:
            found = self.frame.outer.lookup(text)
        if found is None:
            found = builtin(text) or prelude_block(text)
        if found is None and self.frame.outer.lookup(UNKNOWN_NAMES) is None:
            raise self._unknown(text, span)
        if found is None or isinstance(found, Poison):
            raise Silence
        if isinstance(found, Layer) and not found.arguments and (defaults := self._defaults(found)):
            found = Layer(found.target, None, defaults)
        if self.frame.around is not None and not all(map(self.place.builder.sees, tensors_in(found))):
            raise _outside(text, span, reads=isinstance(found, Layer))
        return found

    def hidden(self, text: str) -> tuple[str, ...]:
        """What helps where a name of this body stands before a layer of the same name."""
        others = (self.frame.outer.lookup(text), builtin(text), prelude_block(text))
        layer = next((found for found in others if isinstance(found, Layer)), None)
        if layer is None:
            return ()
        return (
            f"this `{text}` hides the {'block' if layer.op is None else 'operator'} `{text}`: give one another name",
        )

    def knows(self, text: str) -> bool:
        """Whether a name stands for something that is written here or around."""
        return self.scope.lookup(text) is not None or self.frame.outer.lookup(text) is not None

    def _defaults(self, layer: Layer) -> dict[str, Given]:
        return {**self.frame.outer.defaults_of(layer.target), **layer.defaults, **self.scope.defaults_of(layer.target)}

    def _unknown(self, text: str, span: Span) -> Fault:
        if (site := self.frame.tap_sites.get(text)) is not None:
            return self._not_made(text, span, site)
        if (fault := self._elsewhere(text, span)) is not None:
            return fault
        if (block := _makers(self.frame.outer).get(text)) is not None:
            help = f"a block gives what it returns: `return ..., {text}` in `{block}`"
            raise Fault(kinds.UNKNOWN_NAME, f"`{text}` is a tap of `{block}`, and stays in it", span, helps=(help,))
        known = self.scope.visible() | set(self.frame.taps) | self.frame.outer.visible()
        known |= builtin_names() | set(prelude_names())
        advice = hint(text)
        spelt = in_ascii(text)
        alike = {name for name in known if len(name) == len(spelt) and name.casefold() == spelt.casefold()}
        close = min(alike, default=None) or known_elsewhere(spelt) or nearest(spelt, known)
        if close in ("avgpool", "maxpool") and text.casefold().startswith("global"):
            close += "(global)"
        if close and not alike and known_elsewhere(spelt):
            message, edit = f"`{text}` is called `{close}` here", Edit(span, close)
            return Fault(kinds.UNKNOWN_NAME, message, span, helps=(f"write `{close}`",), edit=edit)
        others = ", ".join(dict.fromkeys(sign for sign in text if in_ascii(sign) != sign))
        return Fault.misnamed(
            kinds.UNKNOWN_NAME,
            f"no layer, block or value is called `{text}`",
            span,
            None if advice else close,
            notes=(f"{others}: letters of another alphabet, which look like those of `{spelt}`",) if others else (),
            helps=(advice,) if advice else (),
        )

    def _elsewhere(self, text: str, span: Span) -> Fault | None:
        """A name that stands for something else: a network, an output, a label, what ended with its braces, a size that an
        input below declares."""
        if (site := self.frame.size_sites.get(text)) is not None:
            message, declared = f"`{text}` is not declared yet where it is used", Label(site, "declared here")
            help = "what reads a size stands below the input that declares it"
            return Fault(kinds.USED_BEFORE_MADE, message, span, "used here", labels=(declared,), helps=(help,))
        if self.frame.outer.is_network(text):
            message = f"`{text}` is a network, and only blocks are layers"
            return Fault(kinds.UNKNOWN_NAME, message, span, helps=(f"make it a block: `block {text} {{ ... }}`",))
        if text in self.frame.outputs:
            message, help = f"`{text}` is an output, and outputs are no names", f"name the result: `... as {text}`"
            return Fault(kinds.UNKNOWN_NAME, message, span, helps=(help,))
        if self._is_outside(text):
            return _outside(text, span)
        known = self.frame.no_names.get(text)
        if isinstance(known, tree.Element) and known.label is not None:
            if self._is_applied(span):
                return _of_label(known, known.label, span)
            end = Span(known.span.source, known.span.end, known.span.end)
            return Fault(
                kinds.UNKNOWN_NAME,
                f"`{text}` is a label, and labels are no names",
                span,
                labels=(Label(known.label.span, "the label"),),
                helps=(f"name the result too: `... as {text}`",),
                edit=None if known.taps else Edit(end, f" as {text}"),
            )
        if isinstance(known, tree.Word) and self.frame.defines(known, span):
            message, help = f"`{text}` is used in its own definition", "a `let` reads what is there above it"
            made = (Label(known.span, "defined here"),)
            return Fault(kinds.USED_BEFORE_MADE, message, span, "used here", labels=made, helps=(help,))
        if isinstance(known, tree.Word) and known.span.start > span.start:
            message, help = f"`{text}` is not known yet where it is used", "move it above what uses it"
            made = (Label(known.span, "named here, further down"),)
            return Fault(kinds.USED_BEFORE_MADE, message, span, "used here", labels=made, helps=(help,))
        if known is not None:
            made = (Label(known.span, "known to the end of its braces"),)
            return Fault(kinds.UNKNOWN_NAME, f"`{text}` ended with its braces", span, "used here", labels=made)
        return None

    def _is_outside(self, text: str) -> bool:
        """Whether a name is a tap of the body around a shared group."""
        return self.frame.around is not None and text in self.frame.around.taps

    def _is_applied(self, span: Span) -> bool:
        """Whether a name stands behind an arrow, where layers stand, and not where a chain begins."""
        chains = (node for node in tree.walk(self.frame.body) if isinstance(node, tree.Chain))
        return any(link.link.span.start == span.start for chain in chains for link in chain.elements[1:])

    def _not_made(self, text: str, span: Span, site: Span) -> Fault:
        if site.start > span.start:
            message, made = f"`{text}` is not made yet where it is used", "made here"
        elif any(holds(side.span, site) for side in self.frame.sides):
            message, made = f"`{text}` is made in a side branch, and stays there", "made here, inside `training`"
        elif any(tap.appends for tap in taps(self.frame.body) if tap.name == text):
            message, made = f"nothing was added to the list `{text}`", "only on a branch or in a loop that is not taken"
        else:
            message, made = (
                f"`{text}` is made on a branch or in a loop that is not taken",
                "made here and nowhere else",
            )
        return Fault(kinds.USED_BEFORE_MADE, message, span, "used here", labels=(Label(site, made),))

    def block_input(self, span: Span) -> Tensors:
        entry = self.frame.entry
        if isinstance(entry, Poison):
            raise Silence
        if entry is None:
            raise Fault(
                kinds.NO_CURRENT_VALUE,
                "`in` is the input of a network that has one, and this one has not",
                span,
                helps=self.starts(),
            )
        return Tensors(entry, is_list=len(entry) > 1, has_items=True)

    def starts(self) -> tuple[str, ...]:
        """Where a chain could begin: at an input."""
        inputs = [name for name, site in self.frame.sites.items() if isinstance(site, tree.Input)]
        taps = ", ".join(f"`{name} -> ...`" for name in inputs[:4])
        return (f"start from an input: {taps}",) if taps else ("declare one: `input image: [3, 224, 224]`",)

    def callee(self, text: str, span: Span) -> Any:
        return self.name(text, span)

    def called(self, call: tree.Call) -> Any:
        """What a call names. Raises `Fault`, with the call as it is written here where it is another framework's."""
        try:
            return self.callee(call.callee.text, call.callee.span)
        except Fault as fault:
            raise reworded(fault, call) from None

    def bound(self, layer: Layer, call: tree.Call | tree.Default) -> tuple[Layer, tuple[Value, ...]]:
        """A layer with the arguments of a call, and the tensors among them that a merge takes. Raises `Fault`."""
        try:
            found, tensors = bind(layer, self._evaluated(layer, call))
        except Fault as fault:
            is_own = self.knows(call.callee.text)
            if is_own and fault.diagnostic.kind in (kinds.TOO_MANY_ARGUMENTS, kinds.UNKNOWN_ARGUMENT):
                raise  # it is not the operator of that name
            raise reworded(fault, call) from None
        if found.count > ARGUMENTS_LIMIT:
            message = f"a layer of more than {ARGUMENTS_LIMIT:_} layers, those given as arguments among them"
            help = "a layer that is named twice counts twice: call the block in a block of its own"
            raise Fault(
                kinds.BUDGET_EXCEEDED, message, call.span, f"`{call.callee.text}` has {found.count:_}", helps=(help,)
            )
        self.spend(found.count - 1, call.span)
        return found, tensors

    def _evaluated(self, layer: Layer, call: tree.Call | tree.Default) -> Evaluated:
        """The arguments with their values. Where some have none, the names of the others are looked at too. Raises `Fault`."""
        found: Evaluated = []
        faults: list[Fault] = []
        for argument in call.arguments:
            try:
                found.append((argument, self.value(argument.value)))
            except Fault as error:
                is_outside = isinstance(argument.value, tree.Name) and self._is_outside(argument.value.text)
                faults.append(reworded(error if is_outside else misread_word(error, layer, call), call))
        if not faults:
            return found
        for fault in faults:
            self.build.reporter.report(fault)
        bind(layer, [(argument, value) for argument, value in found if argument.name is not None])
        raise Silence

    def call(self, callee: Any, call: tree.Call) -> Layer:
        """A layer with arguments bound. Raises `Fault`."""
        if not isinstance(callee, Layer):
            name = call.callee
            message = f"`{name.text}` is {kind_of(callee)}, it cannot be called"
            raise Fault(kinds.KIND_MISMATCH, message, name.span, helps=self.hidden(name.text))
        layer, tensors = self.bound(callee, call)
        if tensors:
            message = f"`{callee.name}` with tensors is a link of a chain, not an argument"
            help = f"give a block that takes them: `block NAME(x: tensor) {{ {callee.name}(x) }}`"
            raise Fault(kinds.KIND_MISMATCH, message, call.span, helps=(help,))
        return layer

    def spend(self, work: int, span: Span) -> None:
        """Pays for what an expression costs. Raises `Fault`."""
        self.build.reporter.spend_work(span, work)

    def value(self, expression: tree.Expression, *, constrains: bool = False) -> Any:
        return evaluate(expression, self, constrains=constrains)

    def inner(self) -> Self:
        """The same place inside a further pair of braces."""
        return type(self)(self.build, self.frame, Scope(self.scope), self.place)


def _of_label(labelled: tree.Element, label: tree.Label, span: Span) -> Fault:
    """A label in the place of a layer, as modules of Python are declared first and applied then."""
    is_group = isinstance(labelled.link, tree.Body)
    other = f"`block {label.text} {{ ... }}`" if is_group else f"`let {label.text} = ...`"
    return Fault(
        kinds.UNKNOWN_NAME,
        f"`{label.text}` is a label: its {'group' if is_group else 'layer'} is applied where it stands, and not again",
        span,
        labels=(Label(label.span, "the label"),),
        helps=(
            f"`shared {label.text} = ...` is applied where its name stands, with the same weights; {other} with new ones",
        ),
    )


def _outside(text: str, span: Span, reads: bool = False) -> Fault:
    """A value of the body around a shared group, or a layer that reads one."""
    message = f"`{text}` {'reads' if reads else 'is'} a value outside, and what is shared reads what enters it"
    help = f"share a block that takes it: `block NAME({text}: {'layer' if reads else 'tensor'})`"
    return Fault(kinds.UNKNOWN_NAME, message, span, helps=(help,))


@lru_cache(maxsize=8)
def _makers(scope: Scope) -> dict[str, str]:
    """The block of the file that makes a tap, by the name of the tap."""
    known = (scope.lookup(name) for name in sorted(scope.visible(), reverse=True))
    blocks = (layer.definition for layer in known if isinstance(layer, Layer) and layer.op is None)
    return {tap.name: block.name for block in blocks for tap in taps(block.syntax.body)}


def taps(syntax: tree.Syntax | None) -> Iterable[tree.Tap]:
    return (node for node in tree.walk(syntax) if isinstance(node, tree.Tap))


def holds(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
