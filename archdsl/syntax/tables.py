"""Builds the parse tables that ship with the package: `python -m archdsl.syntax.tables`."""

from __future__ import annotations

import pickle

from archdsl.syntax.parse import TABLES, build_tables

if __name__ == "__main__":
    TABLES.write_bytes(pickle.dumps(build_tables(), protocol=5))
