"""The published schema of the JSON report, written from its types: `docs/reference/report.schema.json`."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from textwrap import dedent
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from archdsl.reports.json.pretty import pretty
from archdsl.reports.json.schema import Document

Json = dict[str, Any]

NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def json_schema() -> str:
    """The text of its file."""
    writer = _Writer()
    document = writer.object(Document)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "archdsl.report/1"}
    return pretty({**head, "$defs": dict(sorted(writer.objects.items())), **document}) + "\n"


class _Writer:
    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        """The schemas of the parts, by their names."""

    def object(self, part: Any) -> Json:
        """The schema of a `TypedDict`, which tells of its fields in the docstrings below them."""
        told = _told(part)
        fields = {name: self._field(name, type, told) for name, type in get_type_hints(part).items()}
        return {
            "additionalProperties": False,
            "description": inspect.getdoc(part),
            "properties": fields,
            "required": list(fields),
            "title": part.__name__,
            "type": "object",
        }

    def _field(self, name: str, type: Any, told: dict[str, str]) -> Json:
        found = self._type(type)
        if name in told:
            found["description"] = told[name]
        if not any("$ref" in each for each in (found, *found.get("anyOf", ()))):
            found["title"] = name.replace("_", " ").title()
        return dict(sorted(found.items()))

    def _type(self, type: Any) -> Json:
        origin, parts = get_origin(type), get_args(type)
        if is_typeddict(type):
            if type.__name__ not in self.objects:
                self.objects[type.__name__] = self.object(type)
            return {"$ref": f"#/$defs/{type.__name__}"}
        if origin in (Union, UnionType):
            return {"anyOf": [self._type(part) for part in parts]}
        if origin is Literal:
            return {**({"enum": list(parts)} if len(parts) > 1 else {"const": parts[0]}), "type": "string"}
        if origin is tuple and parts[-1] is Ellipsis:
            return {"items": self._type(parts[0]), "type": "array"}
        if origin is tuple:
            items = [self._type(part) for part in parts]
            return {"maxItems": len(parts), "minItems": len(parts), "prefixItems": items, "type": "array"}
        if origin is dict:
            return {"additionalProperties": parts[1] is Any or self._type(parts[1]), "type": "object"}
        return {"type": NAMES[type]}


def _told(part: Any) -> dict[str, str]:
    """What the class says of its fields."""
    (body,) = ast.parse(dedent(inspect.getsource(part))).body
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
