"""How figures grow with the numbers that count the turns of a network's loops."""

from archdsl.analyses.growth.growth import Growth, growth

__all__ = ["Growth", "growth"]
