"""Graphviz: the sheet as DOT text, and marks as PNG or PDF by its renderers, in a process of their own."""
