"""Text -> canonical text: the same tokens and comments, in the form that all specs share."""

from __future__ import annotations

from archdsl.source import Diagnostic, Source
from archdsl.syntax.format.align import align
from archdsl.syntax.format.atoms import read_atoms
from archdsl.syntax.format.layout import lay_out
from archdsl.syntax.format.nest import nest
from archdsl.syntax.format.spacing import Roles, space
from archdsl.syntax.parse import parse

__all__ = ["format_source"]


def format_source(source: Source) -> tuple[str | None, list[Diagnostic]]:
    """The canonical text of a spec, or None and the errors that keep it from being read."""
    file, problems = parse(source)
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    atoms = read_atoms(source)
    roles = Roles(file)
    space(atoms, roles)
    lines = lay_out(nest(atoms, roles), atoms[-1])
    align(lines)
    return "".join("\n" * line.blank + line.text + "\n" for line in lines), problems
