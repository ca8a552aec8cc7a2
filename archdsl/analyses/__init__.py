"""Layer 4: graph -> facts. An analysis never writes on the graph and knows no particular operator."""

from archdsl.analyses.facts import Facts

__all__ = ["Facts"]
