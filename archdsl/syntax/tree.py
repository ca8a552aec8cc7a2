"""The syntax tree of a spec: what was written, with a span on everything and nothing resolved.

file  = item*
item  = import | block | network | variant | default | let | allow
stmt  = chain | repeat | for | if | training | let | shared | default | input | output | return | where
      | claim | source | allow
chain = element+            element = label? link taps
link  = expression | merge | body
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar, dataclass_transform

from archdsl.source import Source, Span


@dataclass_transform(eq_default=False)
class Annotated:
    """What has a span and the annotations of its class as fields, given in their order.

    To a type checker these are dataclasses. Real ones cost a third of a millisecond each at start.
    """

    fields: ClassVar[tuple[str, ...]] = ()
    """Those beside the span."""

    def __init_subclass__(cls) -> None:
        cls.fields += tuple(name for name in cls.__annotations__ if name != "span")

    def __init__(self, span: Span, *values: Any) -> None:
        own = self.__dict__
        own["span"] = span
        for field, value in zip(self.fields, values):  # noqa: B905 - being strict costs a third more
            own[field] = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{f}={getattr(self, f)!r}' for f in self.fields)})"


class Syntax(Annotated):
    """A node of the tree: where it stands, and what was written there."""

    span: Span


def walk(syntax: Syntax | None) -> Iterator[Syntax]:
    """A node of the tree and everything below it, in the order of the text."""
    waiting = [syntax] if syntax is not None else []
    while waiting:
        node = waiting.pop()
        yield node
        for value in reversed(vars(node).values()):
            if isinstance(value, list):
                waiting += reversed(value)
            elif isinstance(value, Syntax):
                waiting.append(value)


class Word(Syntax):
    """An identifier where it stands."""

    text: str


# Expressions


class Number(Syntax):
    """A number: exact, with the size of its last printed digit and its unit (`k`, `MB`), which claims alone may use."""

    value: Fraction
    digit: Fraction
    unit: str


class Window(Syntax):
    sizes: tuple[int, ...]


class String(Syntax):
    text: str


class Boolean(Syntax):
    value: bool


class List(Syntax):
    items: list[Expression]


class Comprehension(Syntax):
    """A list whose items are worked out: `[2 ^ i for i in 0..<4 if i != 2]`."""

    item: Expression
    names: list[Word]
    values: Expression
    condition: Expression | None


class Name(Syntax):
    """A name or a dotted path; which of the two is settled where it is used."""

    text: str


class In(Syntax):
    """The block's input."""


class Argument(Syntax):
    name: Word | None
    value: Expression


class Call(Syntax):
    callee: Word
    arguments: list[Argument]


class Index(Syntax):
    base: Expression
    index: Expression


class Attribute(Syntax):
    base: Expression
    name: Word


class Range(Syntax):
    first: Expression
    operator: str
    last: Expression
    step: Expression | None


class Binary(Syntax):
    left: Expression
    operator: str
    right: Expression


class Unary(Syntax):
    operator: str
    operand: Expression


class Conditional(Syntax):
    then: Expression
    condition: Expression
    otherwise: Expression


Expression = (
    Number
    | Window
    | String
    | Boolean
    | List
    | Comprehension
    | Name
    | In
    | Call
    | Index
    | Attribute
    | Range
    | Binary
    | Unary
    | Conditional
)


# Statements


class Body(Syntax):
    statements: list[Statement]


class Tap(Syntax):
    """A name for a result: `as t`, `as xs[]`; `_` drops it."""

    name: str
    appends: bool


class Label(Syntax):
    """A label before a link; `text` may have holes, `denselayer{i}`, where it was a string."""

    text: str
    is_string: bool


class Arm(Syntax):
    """One arm of a merge, with each `if` and `for` that guards it, the outermost first."""

    guards: list[ArmIf | ArmFor]
    statements: list[Statement]


class ArmIf(Syntax):
    condition: Expression


class ArmFor(Syntax):
    names: list[Word]
    values: Expression


class Merge(Syntax):
    callee: Expression
    arms: list[Arm]


class Element(Syntax):
    label: Label | None
    link: Expression | Merge | Body
    taps: list[Tap]


class Chain(Syntax):
    elements: list[Element]
    allow: Allow | None
    doc: str


class Repeat(Syntax):
    count: Expression
    body: Body


class For(Syntax):
    names: list[Word]
    values: Expression
    body: Body


class If(Syntax):
    condition: Expression
    then: Body
    otherwise: Body | If | None


class Training(Syntax):
    body: Body


class Let(Syntax):
    name: Word
    value: Expression
    doc: str


class Shared(Syntax):
    name: Word
    element: Element
    doc: str


class Default(Syntax):
    callee: Word
    arguments: list[Argument]


class Input(Syntax):
    name: Word
    dtype: Word | None
    shape: List
    doc: str


class Output(Syntax):
    name: Label
    chain: Chain | None
    doc: str


class Return(Syntax):
    values: list[Expression]


class Where(Syntax):
    condition: Expression


class SourceNote(Syntax):
    """`source "..."`: the paper that figures are taken from."""

    text: str


class Allow(Syntax):
    code: Word
    reason: str


class Binding(Syntax):
    """`with H = 572`; without a value it is `with training`."""

    name: Word
    value: Expression | None


class Claim(Syntax):
    """`expect` or, where `holds` is false, `dispute`."""

    holds: bool
    figure: Expression
    relation: str
    value: Expression
    within: Number | None
    bindings: list[Binding]
    source: str | None
    doc: str


Statement = (
    Chain | Repeat | For | If | Training | Let | Shared | Default | Input | Output | Return | Where | Claim | SourceNote
    | Allow
)  # fmt: skip


# Declarations


class Imported(Syntax):
    name: Word
    alias: Word | None


class Import(Syntax):
    names: list[Imported]
    path: String


class Parameter(Syntax):
    """A parameter of a block or network; `kind` is what stands after the colon: `layer`, `tensor`, `int`, ..."""

    name: Word
    kind: Word | None
    default: Expression | None


class Block(Syntax):
    name: Word
    inline: bool
    parameters: list[Parameter]
    body: Body
    doc: str


class Network(Syntax):
    name: Word
    parameters: list[Parameter]
    body: Body
    doc: str


class Variant(Syntax):
    """`network VGG_D = VGG(args) { claims }`."""

    name: Word
    base: Word
    arguments: list[Argument]
    body: Body | None
    doc: str


Item = Import | Block | Network | Variant | Default | Let | Allow


class File:
    """A parsed file: its items in order, and the names of those that were too broken to keep."""

    __slots__ = ("broken", "broken_networks", "doc", "items", "source")

    def __init__(
        self, source: Source, items: list[Item], broken: frozenset[str], doc: str, broken_networks: tuple[str, ...] = ()
    ) -> None:
        self.source = source
        self.items = items
        self.broken = broken
        self.broken_networks = broken_networks
        """Those of them that are networks, in order."""
        self.doc = doc
