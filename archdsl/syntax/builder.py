"""Grammar rules -> syntax tree: one method a rule, called by the parser while it reduces."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.token import Token

Children = list[Any]

_SCALES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"K": 2**10, "k": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_ESCAPES = {"n": "\n", "t": "\t"}


class TreeBuilder:
    """Builds the tree of one source. `begin` is called before each file."""

    def __init__(self) -> None:
        self.text = Source("", "")
        self.docs: dict[int, str] = {}

    def begin(self, text: Source, docs: dict[int, str]) -> None:
        self.text, self.docs = text, docs

    def _span(self, children: Children) -> Span:
        first, last = children[0], children[-1]
        if first is None or last is None:
            there = [c for c in children if c is not None]
            first, last = there[0], there[-1]
        start = first.start if isinstance(first, Token) else first.span.start
        end = last.end if isinstance(last, Token) else last.span.end
        return Span(self.text, start, end)

    def _token_span(self, token: Token) -> Span:
        return Span(self.text, token.start, token.end)

    def _word(self, token: Token) -> tree.Word:
        return tree.Word(self._token_span(token), str(token))

    def _doc(self, span: Span) -> str:
        return self.docs.get(span.start, "")

    @staticmethod
    def _nodes(children: Children) -> list[Any]:
        return [c for c in children if isinstance(c, tree.Syntax)]

    # Items

    def start(self, children: Children) -> tree.Item:
        item: tree.Item = children[0]
        return item

    def import_(self, c: Children) -> tree.Import:
        return tree.Import(self._span(c), [n for n in c if isinstance(n, tree.Imported)], self.string([c[-1]]))

    def imported(self, c: Children) -> tree.Imported:
        alias = self._word(c[2]) if c[2] is not None else None
        return tree.Imported(self._span(c), self._word(c[0]), alias)

    def block(self, c: Children) -> tree.Block:
        inline, _, name, params, body = c
        span = self._span(c)
        return tree.Block(span, self._word(name), inline is not None, params or [], body, self._doc(span))

    def network(self, c: Children) -> tree.Network:
        _, name, params, body = c
        span = self._span(c)
        return tree.Network(span, self._word(name), params or [], body, self._doc(span))

    def variant(self, c: Children) -> tree.Variant:
        _, name, _, base, arguments, body = c
        listed, given = arguments or (None, [])
        end = body.span if body is not None else listed or self._token_span(base)
        span = Span(self.text, c[0].start, end.end)
        return tree.Variant(span, self._word(name), self._word(base), given, body, self._doc(span))

    def params(self, c: Children) -> list[tree.Parameter]:
        return self._nodes(c)

    def param(self, c: Children) -> tree.Parameter:
        default = c[2] if len(c) > 2 else None
        return tree.Parameter(self._span(c), self._word(c[0]), None, default)

    def typed_param(self, c: Children) -> tree.Parameter:
        default = c[4] if len(c) > 4 else None
        return tree.Parameter(self._span(c), self._word(c[0]), self._word(c[2]), default)

    # Statements

    def body(self, c: Children) -> tree.Body:
        return tree.Body(self._span(c), self._nodes(c))

    def repeat(self, c: Children) -> tree.Repeat:
        return tree.Repeat(self._span(c), c[1], c[2])

    def _loop_names(self, c: Children) -> list[tree.Word]:
        return [self._word(t) for t in c if isinstance(t, Token) and t.type == "NAME"]

    def for_(self, c: Children) -> tree.For:
        return tree.For(self._span(c), self._loop_names(c), c[-2], c[-1])

    def if_(self, c: Children) -> tree.If:
        _, condition, then, _, otherwise = c
        return tree.If(self._span(c), condition, then, otherwise)

    def training(self, c: Children) -> tree.Training:
        return tree.Training(self._span(c), c[1])

    def let(self, c: Children) -> tree.Let:
        span = self._span(c)
        return tree.Let(span, self._word(c[1]), c[3], self._doc(span))

    def shared(self, c: Children) -> tree.Shared:
        span = self._span(c)
        return tree.Shared(span, self._word(c[1]), c[3], self._doc(span))

    def default(self, c: Children) -> tree.Default:
        span, arguments = c[2]
        return tree.Default(Span(self.text, c[0].start, span.end), self._word(c[1]), arguments)

    def input(self, c: Children) -> tree.Input:
        _, name, _, dtype, shape = c
        kind = self._word(dtype) if dtype is not None else None
        span = self._span(c)
        return tree.Input(span, self._word(name), kind, shape, self._doc(span))

    def output(self, c: Children) -> tree.Output:
        _, name, _, chain = c
        span = self._span(c)
        return tree.Output(span, self.label([name]), chain, self._doc(span))

    def return_(self, c: Children) -> tree.Return:
        return tree.Return(self._span(c), self._nodes(c))

    def where(self, c: Children) -> tree.Where:
        return tree.Where(self._span(c), c[1])

    def source(self, c: Children) -> tree.SourceNote:
        return tree.SourceNote(self._span(c), self.string([c[1]]).text)

    def allow(self, c: Children) -> tree.Allow:
        return tree.Allow(self._span(c), self._word(c[1]), self.string([c[2]]).text)

    def claim(self, c: Children) -> tree.Claim:
        word, figure, relation, value, within, bindings, source = c
        pieces = [word, value, within, source] if bindings is None else [word, value, within, bindings[-1], source]
        span = self._span(pieces)
        return tree.Claim(
            span, word.type == "EXPECT", figure, str(relation), value, within, bindings or [],
            source.text if source is not None else None, self._doc(span),
        )  # fmt: skip

    def within(self, c: Children) -> tree.Number:
        number: tree.Number = c[1]
        return tree.Number(self._span(c), number.value, number.digit, number.unit)

    def with_(self, c: Children) -> list[tree.Binding]:
        return self._nodes(c)

    def binding(self, c: Children) -> tree.Binding:
        return tree.Binding(self._span(c), self._word(c[0]), c[2])

    def training_binding(self, c: Children) -> tree.Binding:
        return tree.Binding(self._span(c), self._word(c[0]), None)

    def chain(self, c: Children) -> tree.Chain:
        elements = [n for n in c if isinstance(n, tree.Element)]
        span = self._span(c)
        return tree.Chain(span, elements, c[-1], self._doc(span))

    def elem(self, c: Children) -> tree.Element:
        label, link, taps = c
        span = self._span([label, link, *(taps or ())])
        return tree.Element(span, label, link, taps or [])

    def label(self, c: Children) -> tree.Label:
        token = c[0]
        if token.type == "STRING":
            return tree.Label(self._token_span(token), self.string([token]).text, True)
        return tree.Label(self._token_span(token), str(token), False)

    def taps(self, c: Children) -> list[tree.Tap]:
        return self._nodes(c)

    def tap(self, c: Children) -> tree.Tap:
        return tree.Tap(self._span(c), str(c[0]), c[1] is not None)

    def merge(self, c: Children) -> tree.Merge:
        arms: list[tree.Arm] = []
        for child in c[2:-1]:
            if isinstance(child, tree.Arm):
                arms.append(child)
            elif isinstance(child, tree.Syntax):
                last = arms[-1]
                last.statements.append(child)  # type: ignore[arg-type]
                last.span = last.span.to(child.span)
        return tree.Merge(self._span(c), c[0], arms)

    def arm(self, c: Children) -> tree.Arm:
        return tree.Arm(self._span(c[1:]), [], [c[1]])

    def arm_if(self, c: Children) -> tree.Arm:
        _, condition, _, rest = c
        return self._guarded(c, tree.ArmIf(self._span(c[:2]), condition), rest)

    def arm_for(self, c: Children) -> tree.Arm:
        *_, values, _, rest = c
        return self._guarded(c, tree.ArmFor(self._span(c[:-2]), self._loop_names(c), values), rest)

    def _guarded(self, c: Children, guard: tree.ArmIf | tree.ArmFor, rest: tree.Arm | tree.Statement) -> tree.Arm:
        inner = rest if isinstance(rest, tree.Arm) else tree.Arm(rest.span, [], [rest])
        return tree.Arm(self._span(c), [guard, *inner.guards], inner.statements)

    # Expressions

    def name(self, c: Children) -> tree.Name:
        return tree.Name(self._span(c), str(c[0]))

    def in_(self, c: Children) -> tree.In:
        return tree.In(self._span(c))

    def call(self, c: Children) -> tree.Call:
        span, arguments = c[1]
        return tree.Call(Span(self.text, c[0].start, span.end), self._word(c[0]), arguments)

    def arguments(self, c: Children) -> tuple[Span, list[tree.Argument]]:
        return self._span(c), self._nodes(c)

    def argument(self, c: Children) -> tree.Argument:
        name, value = c[0] if len(c) > 2 else None, c[-1]
        return tree.Argument(self._span(c), self._word(name) if name is not None else None, value)

    def index(self, c: Children) -> tree.Index:
        return tree.Index(self._span(c), c[0], c[2])

    def attribute(self, c: Children) -> tree.Attribute:
        return tree.Attribute(self._span(c), c[0], self._word(c[2]))

    def conditional(self, c: Children) -> tree.Conditional:
        return tree.Conditional(self._span(c), c[0], c[2], c[4])

    def range(self, c: Children) -> tree.Range:
        step = c[4] if len(c) > 4 else None
        return tree.Range(self._span(c), c[0], str(c[1]), c[2], step)

    def make_binary(self, c: Children) -> tree.Binary:
        return tree.Binary(self._span(c), c[0], str(c[1]), c[2])

    or_ = and_ = comparison = sum = term = power = make_binary

    def make_unary(self, c: Children) -> tree.Unary:
        return tree.Unary(self._span(c), str(c[0]), c[1])

    not_ = unary = make_unary

    def paren(self, c: Children) -> tree.Expression:
        inner: tree.Expression = c[1]
        inner.span = self._span(c)
        return inner

    def list(self, c: Children) -> tree.List:
        return tree.List(self._span(c), self._nodes(c))

    def comprehension(self, c: Children) -> tree.Comprehension:
        at = next(i for i, child in enumerate(c) if isinstance(child, Token) and child.type == "IN")
        condition = c[at + 3] if c[at + 2] is not None and c[at + 2].type == "IF" else None
        return tree.Comprehension(self._span(c), c[1], self._loop_names(c), c[at + 1], condition)

    def number(self, c: Children) -> tree.Number:
        return tree.Number(self._span(c), *_number(str(c[0]), c[0].type == "SI"))

    def window(self, c: Children) -> tree.Window:
        return tree.Window(self._span(c), tuple(int(size) for size in str(c[0]).split("x")))

    def string(self, c: Children) -> tree.String:
        token: Token = c[0]
        text = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), str(token)[1:-1], flags=re.DOTALL)
        return tree.String(self._token_span(token), text)

    def boolean(self, c: Children) -> tree.Boolean:
        return tree.Boolean(self._span(c), c[0].type == "TRUE")


@lru_cache(maxsize=1024)
def _number(text: str, has_unit: bool) -> tuple[Fraction, Fraction, str]:
    """Its exact value, the size of its last printed digit, and its unit."""
    text = text.replace("_", "")
    digits = text.rstrip("BGKMTik") if has_unit else text
    unit = text[len(digits) :]
    scale = _BINARY[unit[0]] if "i" in unit else _SCALES[unit.rstrip("B")]
    mantissa, _, exponent = digits.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    power = min(max(int(exponent or 0), -400), 400)
    digit = Fraction(10) ** (power - decimals) * scale
    return Fraction(mantissa) * Fraction(10) ** power * scale, digit, unit
