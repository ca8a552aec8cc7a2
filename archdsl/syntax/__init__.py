"""Layer 1: text -> syntax tree. It knows no operator, no block and no shape."""

from archdsl.syntax.parse import parse, parse_expression

__all__ = ["parse", "parse_expression"]
