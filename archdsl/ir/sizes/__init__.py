"""Sizes that a spec leaves open: formulas, what values their symbols may have, and conditions on these."""
