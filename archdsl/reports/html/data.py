"""The data of a page: the JSON document, with what stands in it many times written once.

Layers, storages and moments are in columns. A column with few values is a list of these and an index for each row.
Layers are named by their numbers. Every figure is the document's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from archdsl.reports.html.diagram import Diagram
from archdsl.reports.json.document import document
from archdsl.reports.subject import Subject
from archdsl.source import Source

Json = dict[str, Any]

KIND = ("op", "category", "summary", "dtype", "batched", "file")
"""What few layers differ in."""


def page_data(subject: Subject, diagram: Json) -> Json:
    """All that a page needs, ready for `json.dumps`. `diagram` is a drawing as plain data."""
    found: Json = {**document(subject)}
    layers, memory, for_all = found.pop("layers"), found["memory"], found["for_all"]
    paths = [layer["path"] for layer in layers]
    numbers = {path: number for number, path in reversed(list(enumerate(paths)))}
    in_place = [own.node in subject.facts.storage.in_place for own in subject.facts.flat.layers]
    overwrites = {path: layers[number]["inputs"][0] for path, number in numbers.items() if in_place[number]}
    steps = [moment["layer"] for moment in memory.pop("timeline")]
    found["layers"] = _layers(layers, [i["name"] for i in found["inputs"]])
    del found["scopes"]
    memory["steps"] = column(differences([numbers[path] for path in steps]))
    memory["storages"] = _storages(memory["storages"], steps, overwrites)
    if (training := memory["training"]) is not None:
        del training["alive"]
        training["timeline"] = _moments(training["timeline"], numbers)
    if for_all is not None:
        _formulas(for_all, paths)
    drawn = Diagram(paths)
    found["diagram"] = drawn.body(diagram["body"])
    found["looks"] = drawn.looks
    found["symbols"] = [] if subject.for_all is None else list(subject.for_all.domain.example)
    found["texts"] = {source.path: source.text for source in _sources(subject)}
    return found


def columns(rows: Sequence[Json]) -> Json:
    """A list of objects with the same fields, as one object of columns."""
    names = rows[0] if rows else {}
    return {name: column([row[name] for row in rows]) for name in names}


def column(values: Sequence[Any]) -> Any:
    """A list; where values repeat, the distinct ones and an index for each row; where all are the same, one."""
    texts = [*map(repr if {*map(type, values)} == {int} else json.dumps, values)]
    distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    if len(distinct) == 1 < len(texts):
        return {"all": values[0], "count": len(texts)}
    if sum(map(len, distinct)) + 4 * len(texts) > sum(map(len, texts)):
        return list(values)
    return {"values": [json.loads(text) for text in distinct], "rows": [distinct[text] for text in texts]}


def _layers(layers: Sequence[Json], inputs: Sequence[str]) -> Json:
    """The layers without their attributes, which the summary says. What layers of one kind have in common is one object.

    What a layer reads is how many layers ago that was, or from -1 down the number of an input.
    """
    makers = {name: -1 - number for number, name in enumerate(inputs)}
    rows = []
    for number, layer in enumerate(layers):
        field = layer["receptive_field"] or {}
        read = [makers[name] for name in layer["inputs"]]
        makers[layer["path"]] = number
        row = {"path": layer["path"], "reads": [number - maker if maker >= 0 else maker for maker in read]}
        row |= {f"field_{name}": field.get(name) for name in ("size", "stride", "start", "status")}
        row |= {f"{name}_working": layer["working"][name] for name in ("params", "macs")}
        row |= {name: layer[name] for name in ("calls", "span", "output", "params", "macs", "bytes")}
        rows.append({**row, "kind": {name: layer[name] for name in KIND}})
    return columns(rows)


def _storages(storages: Sequence[Json], steps: Sequence[str], overwrites: Mapping[str, str]) -> Json:
    """The storages. The steps at which one is used, freed, and would be copied if it were not overwritten, are counted
    from its making.

    Args:
        steps: the path of the layer that runs at each.
        overwrites: the layer whose result an operator in place overwrites, by the path of the operator.
    """
    copies: list[list[int]] = [[] for _ in storages]
    holders = {steps[s["made"] - 1]: number for number, s in enumerate(storages) if s["what"] == "output"}
    for step, path in enumerate(steps, 1):
        number = holders.get(overwrites.get(path, ""))
        if number is not None:
            copies[number].append(step - storages[number]["made"])
            holders[path] = number
    rows = [
        {
            **storage["bytes"],
            "freed": storage["freed"] - storage["made"],
            "used": [step - storage["made"] for step in storage["used"]],
            "copies": copied,
        }
        for storage, copied in zip(storages, copies, strict=True)
    ]
    return {**columns(rows), "made": column(differences([storage["made"] for storage in storages]))}


def _moments(moments: Sequence[Json], numbers: Mapping[str, int]) -> Json:
    """The moments of a training step by the differences of their bytes; for every batch where sizes are known for each."""
    places = [{"phase": m["phase"], "layer": numbers.get(m["layer"], m["layer"])} for m in moments]
    sizes = [{"bytes": m["bytes"]} if m["sizes"] is None else m["sizes"] for m in moments]
    found = {name: [size[name] for size in sizes] for name in sizes[0]}
    return {**columns(places), **{name: column(differences(values)) for name, values in found.items()}}


def differences(values: Sequence[int]) -> list[int]:
    """Each value less the one before it: values that go up and down by the same steps repeat then."""
    return [value - before for before, value in pairwise([0, *values])]


def _formulas(for_all: Json, paths: Sequence[str]) -> None:
    """The formulas of layers as columns beside those of the layers."""
    for name in ("shapes", "params_of", "macs_of", "bytes_of"):
        for_all[name] = column([for_all[name].get(path, 0) for path in paths])
    if for_all["storages"] is not None:
        for_all["storages"] = columns(for_all["storages"])


def _sources(subject: Subject) -> Iterable[Source]:
    """The texts that layers and the calls around them are written in."""
    found: dict[str, Source] = {}
    for layer in subject.facts.flat.layers:
        for node in (*(node for _, node in layer.calls), layer.node):
            for span in (node.origin.span, *(frame.span for frame in node.origin.frames)):
                found.setdefault(span.source.path, span.source)
    return found.values()
