"""What lints read: the text of a file, and the graph of a network. Each is walked once for all of them."""

from archdsl.lints.subject.allows import Allowed, Allows, allowed_in
from archdsl.lints.subject.graph import Graph, Scope, Use
from archdsl.lints.subject.text import Declaration, NamedResult, Text

__all__ = ["Allowed", "Allows", "Declaration", "Graph", "NamedResult", "Scope", "Text", "Use", "allowed_in"]
