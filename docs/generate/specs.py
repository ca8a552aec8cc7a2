"""The page of the bundled specs."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from pathlib import Path

from archdsl.pipeline import Checked, open_spec
from docs.generate.gallery import Picture, pictures_of
from docs.generate.markdown import code, page, table

SPECS = """
    Each spec carries its published figures as claims, with their sources; `archdsl check specs` decides them all.
    Commands find a spec by its name, or by that of a network: `archdsl report summary vgg16`, `archdsl draw LeNet5`.
    [The gallery](../docs/gallery.md) has more pictures, and how they were drawn.
    """


def specs_page(folder: Path) -> str:
    """Every network of a folder's specs."""
    parts: list[Sequence[str]] = [cleandoc(SPECS).split("\n")]
    head = ["network", "params", "MACs", "weight layers", "claims", "source"]
    for path in sorted(folder.glob("*.arch")):
        spec = open_spec(path)
        parts += [[f"## [{path.name}]({path.name})"], spec.program.file.doc.split("\n")]
        parts += [[_image(name, picture)] for name, picture in pictures_of(path.name).items()]
        parts.append(table(head, (_network(spec.check(name)) for name in spec.networks)))
    return page("The bundled specs", *parts)


def _image(name: str, picture: Picture) -> str:
    file = f"../docs/images/{name}.svg"
    return f'<a href="{file}"><img src="{file}" width="600" alt="{picture.title}"></a>'


def _network(checked: Checked) -> tuple[str, ...]:
    facts, verdicts = checked.facts, checked.verdicts
    if not all(v.holds for v in verdicts):
        raise ValueError(f"a claim of {checked.name} fails")
    disputed = sum(v.disputed for v in verdicts)
    claims = f"{len(verdicts)}, {disputed} of them disputed" if disputed else str(len(verdicts))
    figures = (facts.cost.total.params, facts.cost.total.macs, facts.cost.depth)
    return code(checked.name), *(f"{n:_}" for n in figures), claims, "; ".join(facts.network.sources)
