"""Specs at random: syntax that parses, whatever it means, and the blanks, lines and comments between its tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

END = "\n"
"""Stands between two statements."""

Tokens = list[str]

_CONTINUES_AFTER = {
    *["{", "|", "->", ",", "=", "..", "..<", "==", "~", "<=", "!=", "+", "-", "*", "/", "//", "^", "and", "or", "not"]
}
_CONTINUES_BEFORE = {"->", "}", "else"}
_TOUCHES = re.compile(r"[\s(){}\[\],|]|->")
_NAMES = ("a", "b", "conv", "relu", "h_1", "größe", "in", "in.channels", "gpu0.conv1", "x3")
_NUMBERS = ("0", "1", "64", "138_357_544", "0.5", "1e-6", "3x3", "1x7")
_LABELS = ("a:", "conv1:", "block:", "5:", '"gpu{i}":', "input:")


def random_spec(random: Random) -> Tokens:
    """The tokens of a spec."""
    return _Writer(random).file()


class _Writer:
    def __init__(self, random: Random) -> None:
        self.random = random

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def number(self, most: int) -> int:
        return self.random.randint(0, most)

    def chance(self, percent: int) -> bool:
        return self.random.random() * 100 < percent

    def separated(self, parts: list[Tokens], separator: str) -> Tokens:
        return [token for i, part in enumerate(parts) for token in ([separator] if i else []) + part]

    def file(self) -> Tokens:
        return self.separated([self.item() for _ in range(1 + self.number(3))], END)

    def item(self) -> Tokens:
        match self.one("network", "network", "block", "variant", "let", "default", "import"):
            case "network":
                return ["network", "N", *self.params(), *self.body(3)]
            case "block":
                return [*(["inline"] if self.chance(30) else []), "block", "b", *self.params(), *self.body(3)]
            case "variant":
                body = self.body(1) if self.chance(60) else []
                return ["network", "V", "=", "N", *self.arguments(2), *body]
            case "import":
                names = [["a", *(["as", "b"] if self.chance(40) else [])] for _ in range(1 + self.number(2))]
                return ["import", *self.separated(names, ","), "from", '"x.arch"']
            case "default":
                return ["default", "conv", *self.arguments(1)]
        return ["let", "x", "=", *self.expression(3)]

    def params(self) -> Tokens:
        if self.chance(40):
            return []
        return self.bracketed(
            "(", ")", lambda: [*self.one("a", "b: layer", "c: tensor").split(), *self.default_value()]
        )

    def default_value(self) -> Tokens:
        return ["=", *self.expression(1)] if self.chance(40) else []

    def bracketed(self, left: str, right: str, part: Callable[[], Tokens]) -> Tokens:
        parts = [part() for _ in range(self.number(4))]
        comma = [","] if parts and self.chance(20) else []
        return [left, *self.separated(parts, ","), *comma, right]

    def arguments(self, depth: int) -> Tokens:
        return self.bracketed("(", ")", lambda: [*(["k", "="] if self.chance(40) else []), *self.expression(depth - 1)])

    def list(self, depth: int) -> Tokens:
        if self.chance(40):
            return self.bracketed("[", "]", lambda: [self.one(*_NUMBERS)])
        return self.bracketed("[", "]", lambda: self.expression(depth - 1))

    def expression(self, depth: int) -> Tokens:
        if depth <= 0 or self.chance(30):
            return [self.one(*_NAMES, *_NUMBERS)]
        match self.one("sum", "sum", "paren", "call", "list", "index", "sign", "if", "range", "not", "string"):
            case "sum":
                operator = self.one("+", "-", "*", "/", "//", "%", "^", "and", "or")
                return [*self.operand(depth), operator, *self.operand(depth)]
            case "paren":
                return ["(", *self.expression(depth - 1), ")"]
            case "call":
                return ["f", *self.arguments(depth)]
            case "list":
                return self.list(depth)
            case "index":
                return ["xs", "[", *self.expression(depth - 1), "]"]
            case "sign":
                return ["-", *self.operand(1)]
            case "if":
                return ["(", *self.operand(depth), "if", *self.operand(depth), "else", *self.operand(depth), ")"]
            case "range":
                step = ["by", "-", "1"] if self.chance(30) else []
                return ["(", *self.operand(depth), self.one("..", "..<"), *self.operand(depth), *step, ")"]
            case "not":
                return ["(", "not", *self.operand(depth), "==", *self.operand(depth), ")"]
        return [self.one('"XX.X"', '"a # b"', '"größe \\" x"')]

    def operand(self, depth: int) -> Tokens:
        part = self.expression(depth - 1)
        return part if len(part) == 1 else ["(", *part, ")"] if part[0] != "(" and part[-1] != ")" else part

    def body(self, depth: int) -> Tokens:
        statements = [self.statement(depth - 1) for _ in range(self.number(4))]
        return ["{", *self.separated(statements, END), "}"]

    def merge(self, depth: int) -> Tokens:
        tokens = [self.one("add", "concat")]
        if self.chance(20):
            tokens += self.arguments(1)
        tokens.append("{")
        for index in range(1 + self.number(3)):
            kind = self.one("arm", "arm", "arm", "next", "if", "for")
            if kind == "arm":
                tokens += [*([END] if index and self.chance(50) else []), "|", *self.statement(depth - 1)]
            elif kind == "if":
                tokens += [*([END] if index else []), "if", *self.operand(1), "|", *self.statement(depth - 1)]
            elif kind == "for":
                tokens += [
                    *([END] if index else []),
                    "for",
                    "g",
                    "in",
                    *self.operand(1),
                    "|",
                    *self.statement(depth - 1),
                ]
            elif index:
                tokens += [END, *self.statement(depth - 1)]
            else:
                tokens += ["|", "identity"]
        return [*tokens, "}"]

    def statement(self, depth: int) -> Tokens:
        simple = ("chain", "chain", "chain", "let", "where", "claim", "input", "output", "return", "source", "allow")
        nested = ("if", "for", "repeat", "training", "chain", "shared")
        match self.one(*simple, *(nested if depth > 0 else ())):
            case "let":
                return ["let", "x", "=", *self.expression(2)]
            case "where":
                return ["where", *self.expression(2)]
            case "claim":
                return self.claim()
            case "input":
                return ["input", "x:", *(["int64"] if self.chance(20) else []), *self.list(1)]
            case "output":
                return ["output", "y", *(["=", *self.chain(depth)] if self.chance(30) else [])]
            case "return":
                return ["return", *self.separated([self.expression(1) for _ in range(1 + self.number(1))], ",")]
            case "source":
                return ["source", '"Table 1"']
            case "allow":
                return ["allow unread-rows", '"why"']
            case "if":
                tokens = ["if", *self.operand(2), *self.body(depth)]
                while self.chance(30):
                    tokens += ["else", "if", *self.operand(2), *self.body(depth)]
                return [*tokens, *(["else", *self.body(depth)] if self.chance(40) else [])]
            case "for":
                return [
                    "for",
                    "i",
                    *([",", "j"] if self.chance(30) else []),
                    "in",
                    *self.expression(2),
                    *self.body(depth),
                ]
            case "repeat":
                return ["repeat", *self.operand(1), *self.body(depth)]
            case "training":
                return ["training", *self.body(depth)]
            case "shared":
                return ["shared", "s", "=", *self.element(depth)]
        return self.chain(depth)

    def claim(self) -> Tokens:
        tokens = [self.one("expect", "dispute"), *self.operand(2), self.one("==", "~", "<="), *self.operand(2)]
        tokens += ["within", "2", "%"] if self.chance(20) else []
        tokens += ["with", "training", ",", "H", "=", "5"] if self.chance(20) else []
        return [*tokens, *(["source", '"Table 2"'] if self.chance(20) else [])]

    def chain(self, depth: int) -> Tokens:
        tokens = self.separated([self.element(depth) for _ in range(1 + self.number(4))], "->")
        return [*tokens, *(["allow unread-rows", '"why"'] if self.chance(5) else [])]

    def element(self, depth: int) -> Tokens:
        tokens = [self.one(*_LABELS)] if self.chance(30) else []
        match self.one("name", "name", "call", "tap", *(("merge", "body") if depth > 0 else ())):
            case "name":
                tokens.append(self.one(*_NAMES))
            case "call":
                tokens += ["conv", *self.arguments(2)]
            case "tap":
                tokens += ["xs", "[", "-", "1", "]"]
            case "merge":
                tokens += self.merge(depth)
            case "body":
                tokens += self.body(depth)
        match self.one("", "", "", "", "one", "two", "list"):
            case "one":
                tokens += ["as", "t"]
            case "two":
                tokens += ["as", "t", ",", "_"]
            case "list":
                tokens += ["as", "ts[]"]
        return tokens


def plain(tokens: Tokens) -> str:
    """The tokens with a blank between any two, and a line for each statement."""
    return " ".join(tokens).replace(f" {END} ", END) + "\n"


def scattered(random: Random, tokens: Tokens, *, comments: bool) -> str:
    """The tokens with anything between them that changes nothing: blanks, line breaks, `;` and perhaps comments."""
    blanks = ["", " ", "  ", "\t", "     "]
    breaks = [
        "\n",
        "\n\n",
        "\n \n\n  ",
        "  \n\t",
        *(["  # c\n", "\n# own\n\n  ", " ## doc\n", "\n\n## d\n"] if comments else []),
    ]
    ends = [*breaks, ";", " ; ", ";\n", *(["; # after\n"] if comments else [])]
    text, depth = "", 0
    for before, token in zip(["", *tokens], [*tokens, ""], strict=True):
        if END not in (before, token):
            is_free = depth > 0 or before in _CONTINUES_AFTER or token in _CONTINUES_BEFORE or not before or not token
            choices = [*blanks, *(breaks if is_free and random.random() < 0.3 else [])]
            between = random.choice(choices)
            apart = _TOUCHES.match(before[-1:] or " ") or _TOUCHES.match(token or " ")
            text += between if between or apart else " "
        text += random.choice(ends) if token == END else token
        depth += (token in ("(", "[")) - (token in (")", "]"))
    return text
