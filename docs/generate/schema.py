"""The page of the JSON document, from its schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

from archdsl.reports.json.published import json_schema
from docs.generate.markdown import code, page, table

INTRO = """
    `--format json` of `archdsl check` and `archdsl report` writes one document for each network: an object for one, a list
    for several. It is the same whatever report was asked for. [report.schema.json](report.schema.json) is its JSON
    Schema; its name and version stand in the field `schema`. Fields may be added in a version; a field never changes its
    meaning.

    Integers are exact. A size that is not known is a formula, as a string. A span is line and column of the first
    character and of the one after the last, counted from 1. A file without a network that holds together has a document
    with its diagnostics alone.

    ```console
    $ archdsl report summary specs/mlp.arch --format json -o mlp.json
    ```

    ```pycon
    >>> import json
    >>> with open("mlp.json") as file:
    ...     document = json.load(file)
    >>> document["schema"], document["network"], document["bindings"]
    ('archdsl.report/1', 'MLP', {'N': 1})
    >>> document["totals"]["params"], document["memory"]["peak"]
    (203530, 818320)
    >>> [(layer["path"], layer["op"], layer["output"]) for layer in document["layers"]][:3]
    [('0', 'flatten', [784]), ('1', 'linear', [256]), ('2', 'relu', [256])]
    >>> document["claims"][1]["text"], document["claims"][1]["holds"]
    ('params == 203_530', True)
    ```
    """


def schema_page() -> str:
    schema: dict[str, Any] = json.loads(json_schema())
    parts: list[Sequence[str]] = [cleandoc(INTRO).split("\n"), *_object("The document", schema)]
    for name, definition in schema["$defs"].items():
        parts += _object(name, definition)
    return page("The JSON document", *parts)


def _object(title: str, definition: dict[str, Any]) -> list[list[str]]:
    rows = [
        (code(name), _type(field), field.get("description", "")) for name, field in definition["properties"].items()
    ]
    return [[f"## {title}"], [definition["description"]], table(["field", "type", "meaning"], rows)]


def _type(field: dict[str, Any]) -> str:
    """The type of a field: `integer or string`, `list of Layer`."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in field:
        return code(json.dumps(field["const"]))
    if "enum" in field:
        return " or ".join(code(json.dumps(value)) for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(map(_type, field["anyOf"])))
    if field["type"] == "array":
        return _array(field)
    return str(field["type"])


def _array(field: dict[str, Any]) -> str:
    if "prefixItems" in field:
        return f"list of {len(field['prefixItems'])} {_type(field['prefixItems'][0])}s"
    inside = _type(field["items"])
    return f"list of ({inside})" if " or " in inside else f"list of {inside}"
