"""Layer 1: text -> syntax tree. It knows no operator, no block and no shape."""

from archdsl.syntax.lexer import MALFORMED_NUMBER
from archdsl.syntax.parse import parse, parse_expression

__all__ = ["MALFORMED_NUMBER", "parse", "parse_expression"]
