"""Layer 1: text -> syntax tree. It knows no operator, no block and no shape."""

from archdsl.syntax.frameworks import FRAMEWORKS
from archdsl.syntax.lexer import STRING_LIMIT
from archdsl.syntax.malformed import MALFORMED_NUMBER
from archdsl.syntax.parse import UNKNOWN_NAMES, parse, parse_expression

__all__ = ["FRAMEWORKS", "MALFORMED_NUMBER", "STRING_LIMIT", "UNKNOWN_NAMES", "parse", "parse_expression"]
