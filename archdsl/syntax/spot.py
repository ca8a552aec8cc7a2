"""Where the parser stopped: the token that the grammar does not allow, among its neighbours."""

from __future__ import annotations

from archdsl.source import Diagnostic, Edit, Label, Source, Span
from archdsl.syntax.lexer import SYNTAX_ERROR
from archdsl.syntax.token import PAIRS, Token

Stretch = tuple[int, int]
"""Start and end of a stretch of the text."""


class Spot:
    """An unexpected token, what stands around it, and which types of tokens the grammar allows in its place."""

    __slots__ = ("at", "expected", "source", "tokens")

    def __init__(self, source: Source, tokens: list[Token], at: int, expected: set[str]) -> None:
        self.source = source
        self.tokens = tokens
        self.at = at
        self.expected = expected

    def __getitem__(self, index: int) -> Token:
        """The token at an index; beyond the ends one without a type."""
        return self.tokens[index] if 0 <= index < len(self.tokens) else Token("", "", 0, 0)

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def ends_statement(self) -> bool:
        """Whether a chain could go on or end here."""
        return "ARROW" in self.expected

    def near(self, offset: int) -> Token:
        """The token so many places after the unexpected one; beyond the ends one without a type."""
        return self[self.at + offset]

    def types(self, first: int, last: int) -> tuple[str, ...]:
        """The types of the tokens at these offsets."""
        return tuple(self.near(offset).type for offset in range(first, last + 1))

    def touch(self, first: int, last: int) -> bool:
        """Whether nothing stands between the tokens at these offsets."""
        return all(self.near(i).end == self.near(i + 1).start for i in range(first, last))

    def text(self, start: int, end: int) -> str:
        return self.source.text[start:end]

    def line_end(self, start: int) -> int:
        """Where the line of an offset ends."""
        end = self.source.text.find("\n", start)
        return len(self.source.text) if end < 0 else end

    def statement(self) -> int:
        """The index of the first token of the statement."""
        return self.statement_of(self.at)

    def statement_of(self, start: int) -> int:
        """The index of the first token of the statement that the token at an index stands in."""
        depth = 0
        while start > 0:
            kind = self.tokens[start - 1].type
            depth += (kind in PAIRS.values()) - (kind in PAIRS)
            if depth < 0 or (depth == 0 and kind in ("SEP", "BAR")):
                break
            start -= 1
        return start

    def statement_end(self) -> int:
        """The offset where the statement ends, on its line or further down where brackets are open."""
        depth, end = 0, self.token.end
        for token in self.tokens[self.at :]:
            depth += (token.type in PAIRS) - (token.type in PAIRS.values())
            if depth < 0 or (depth == 0 and token.type in ("SEP", "BAR")):
                break
            end = token.end
        return end

    @property
    def begins_statement(self) -> bool:
        """Whether the token before the unexpected one is the first of its statement."""
        return self.statement() == self.at - 1

    @property
    def in_parameters(self) -> bool:
        """Whether the token stands in the parentheses of a declaration."""
        opening = self.opening()
        return opening is not None and self[opening].type == "LPAR" and self[opening - 2].type in ("NETWORK", "BLOCK")

    def opening(self) -> int | None:
        """The index of the innermost bracket that is open here."""
        depth = 0
        for index in range(self.at - 1, -1, -1):
            kind = self.tokens[index].type
            depth += (kind in PAIRS.values()) - (kind in PAIRS)
            if depth < 0:
                return index
        return None

    def closing(self, opening: int) -> int | None:
        """The index of the bracket that closes the one at an index, if it is of its kind."""
        depth = 0
        for index in range(opening, len(self.tokens)):
            kind = self.tokens[index].type
            depth += (kind in PAIRS) - (kind in PAIRS.values())
            if depth == 0:
                return index if PAIRS[self.tokens[opening].type] == kind else None
        return None

    def parts(self, opening: int, closing: int, separator: str) -> list[str]:
        """The texts between two brackets, taken apart at a separator that stands in no further brackets."""
        texts, depth, start = [], 0, self.tokens[opening].end
        for token in self.tokens[opening + 1 : closing]:
            depth += (token.type in PAIRS) - (token.type in PAIRS.values())
            if depth == 0 and token.type == separator:
                texts.append(self.text(start, token.start).strip())
                start = token.end
        texts.append(self.text(start, self.tokens[closing].start).strip())
        return [text for text in texts if text]

    def wrong(
        self,
        message: str,
        text: str = "",
        *,
        help: str = "",
        where: Stretch | None = None,
        edit: tuple[int, int, str] | None = None,
    ) -> Diagnostic:
        """The diagnostic, at the unexpected token where nothing else is said."""
        start, end = where or (self.token.start, self.token.end)
        if where is None and self.token.type == "SEP":
            start = end = self.near(-1).end  # the line may go on with a comment
        return Diagnostic(
            SYNTAX_ERROR,
            message,
            Label(Span(self.source, start, end), text),
            helps=(help,) if help else (),
            edit=None if edit is None else Edit(Span(self.source, edit[0], edit[1]), edit[2]),
        )

    def rewritten(self, message: str, where: Stretch, written: str) -> Diagnostic:
        """The diagnostic at a stretch of the text, and what to write in its place."""
        return self.wrong(message, where=where, help=f"write `{written}`", edit=(*where, written))


def shown(token: Token) -> str:
    """A token as messages have it."""
    if token.type == "SEP":
        return "the end of the line" if str(token) == "\n" else "`;`"
    if token.type == "LABEL":
        return f"the label `{token}:`"
    return "a string" if token.type == "STRING" else f"`{token}`"
