"""Plots of figures, by matplotlib: what networks cost, memory against the batch, memory while a network runs."""

from archdsl.backends.matplotlib.plots import batch_plot, cost_plot, timeline_plot
from archdsl.backends.matplotlib.render import FORMATS, Plot, render

__all__ = ["FORMATS", "Plot", "batch_plot", "cost_plot", "render", "timeline_plot"]
