"""Layer 0: files, spans, and diagnostics as data."""

from archdsl.source.diagnostic import Diagnostic, Edit, Frame, Kind, Label, first_line, nearest, once, same
from archdsl.source.files import (
    SIZE_LIMIT,
    UNREADABLE_FILE,
    FileProblem,
    decode_spec,
    empty_file,
    read_bytes,
    read_spec,
    write_whole,
)
from archdsl.source.look_alikes import in_ascii
from archdsl.source.numbers import binary, counted, short, total
from archdsl.source.text import Source, Span

__all__ = [
    "SIZE_LIMIT",
    "UNREADABLE_FILE",
    "Diagnostic",
    "Edit",
    "FileProblem",
    "Frame",
    "Kind",
    "Label",
    "Source",
    "Span",
    "binary",
    "counted",
    "decode_spec",
    "empty_file",
    "first_line",
    "in_ascii",
    "nearest",
    "once",
    "read_bytes",
    "read_spec",
    "same",
    "short",
    "total",
    "write_whole",
]
