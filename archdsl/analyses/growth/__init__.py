"""How figures grow: as formulas of open sizes and parameters, of those too that count the turns of a network's loops."""

from archdsl.analyses.growth.growth import Growth, growth
from archdsl.analyses.growth.totals import ForAll, MemoryTotal, memory_totals, powers, totals

__all__ = ["ForAll", "Growth", "MemoryTotal", "growth", "memory_totals", "powers", "totals"]
