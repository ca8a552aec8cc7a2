"""Tables on a stream, and the weights that do not fit as one."""

from __future__ import annotations

import sys
from typing import TextIO

from archdsl.backends.pytorch import WeightsMismatch
from archdsl.cli.terminal import Color, is_ascii, width_of, write_lines
from archdsl.reports import Table, render_text, weights_table

FEW = 12
"""So many differences are told where a command stops at them; `weights diff` tells all."""


def print_table(table: Table, color: Color, stream: TextIO | None = None) -> None:
    stream = stream or sys.stdout
    write_lines(render_text([table], width_of(stream, None), is_ascii(stream, False)), stream, color)


def print_mismatch(network: str, mismatch: WeightsMismatch, color: Color) -> int:
    """Prints why weights are not loaded; the exit code."""
    sys.stdout.flush()
    print(f"archdsl: {mismatch}", file=sys.stderr)
    print_table(weights_table(network, ("network", mismatch.file), mismatch.comparison, FEW), color, sys.stderr)
    return 1
