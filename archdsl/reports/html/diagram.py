"""A drawing as plain data -> the diagram of a page: its rows name layers by numbers, and figures are left to the page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

KEPT = {
    "card": ("key", "heading", "note"),
    "row": ("name", "kind", "text"),
    "terminal": ("key", "name"),
    "merge": ("key", "text"),
    "bar": ("key", "text", "labels", "is_split"),
    "group": ("key", "path", "title", "call", "repeat", "kind"),
    "arm": ("enters", "feeds", "words"),
}
"""What a page needs of each part, beside its layers and what stands in it."""


class Spans:
    """Which layers stand under each path. A shared instance runs several times under one: its uses are met in order."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._spans: dict[str, list[list[int]]] = {}
        self._met: Counter[str] = Counter()
        for number, path in enumerate(paths):
            self._add(path, number)
            for end in (i for i, c in enumerate(path) if c == "."):
                self._add(path[:end], number, is_scope=True)

    def _add(self, path: str, number: int, *, is_scope: bool = False) -> None:
        spans = self._spans.setdefault(path, [])
        if is_scope and spans and spans[-1][1] == number:
            spans[-1][1] = number + 1
        else:
            spans.append([number, number + 1])

    def take(self, path: str) -> list[int] | None:
        """The first layer and the one after the last of the next use of a path; None where nothing runs there."""
        uses = self._spans.get(path)
        if uses is None:
            return None
        self._met[path] += 1
        return uses[min(self._met[path], len(uses)) - 1]

    def layers(self, paths: Sequence[str]) -> list[int]:
        """The numbers of all layers under some paths, each once."""
        spans = [span for path in paths if (span := self.take(path)) is not None]
        return list(dict.fromkeys(number for span in spans for number in range(*span)))


class Diagram:
    """The parts of a drawing for a page; `looks` are the rows without their layers, each once."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._spans = Spans(paths)
        self._looks: dict[str, int] = {}

    @property
    def looks(self) -> list[Json]:
        return list(map(json.loads, self._looks))

    def body(self, body: Json) -> Json:
        lanes = [
            {"source": _end(lane["source"]), "targets": list(map(_end, lane["targets"])), "text": lane["text"]}
            for lane in body["lanes"]
        ]
        return {"steps": self._steps(body["steps"]), **({"lanes": lanes} if lanes else {})}

    def _steps(self, steps: Sequence[Json]) -> list[Json]:
        return [{**self._item(step["item"]), **({"follows": 1} if step["follows"] else {})} for step in steps]

    def _item(self, item: Json) -> Json:
        kind = item["is"]
        found = {"is": kind, **_kept(item)}
        if kind == "card":
            found["rows"] = [self._row(row) for row in item["rows"]]
        elif kind == "group":
            found["spans"] = [span for path in item["paths"] if (span := self._spans.take(path)) is not None]
            found["body"] = self.body(item["body"])
        elif kind == "parallel":
            found["arms"] = [{**_kept(arm), "steps": self._steps(arm["steps"])} for arm in item["arms"]]
            found["join"] = None if item["join"] is None else self._item(item["join"])
        elif kind in ("merge", "bar"):
            found |= {**_words(item), "layers": self._spans.layers(item["paths"])}
        return found

    def _row(self, row: Json) -> Json:
        look = json.dumps({**_kept(row), **_words(row), **({"change": 1} if row["is_change"] else {})})
        return {"look": self._looks.setdefault(look, len(self._looks)), "layers": self._spans.layers(row["paths"])}


def _end(anchor: Json) -> list[int]:
    return [anchor["key"], anchor["row"]]


def _words(part: Json) -> Json:
    words = [[word["text"], word["kind"]] if word["kind"] else [word["text"]] for word in part["words"]]
    return {"words": words} if words else {}


def _kept(part: Json) -> Json:
    return {name: part[name] for name in KEPT.get(part["is"], ()) if part[name]}
