"""The JSON document and its published schema."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.ir import CallFrame, Network, Origin
from archdsl.reports import Subject, render_json
from archdsl.reports.json.published import json_schema
from archdsl.source import Diagnostic, Kind, Label, Source, Span
from tests.support import networks
from tests.support.build import block, end, finish, image, network, op, sequence
from tests.unit.test_reports import CLAIMS, Claimed

MEASURED = json.loads((Path(__file__).parents[1] / "data" / "live_bytes.json").read_text("utf-8"))["models"]
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "report.schema.json"
NETWORKS = {
    "vgg16": networks.vgg16,
    "alexnet": networks.alexnet_two_gpus,
    "lenet": networks.lenet5,
    "resnet": networks.resnet,
    "vector": lambda: sequence(op("linear", 3), input=image().with_shape((8,))),
}
SOURCE = Source("specs/a.arch", "network A {\n  conv(64, [3, 3])\n}\n")


def document(net: Network, batch: int = 1, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render_json([Subject(Facts(net, batch), "specs/a.arch", **more)]))
    return found


def validate(found: object) -> None:
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(found)


def test_the_published_schema_is_the_one_in_use() -> None:
    """Where it is not: `archdsl.reports.json.published.json_schema()` is the text that belongs into the file."""
    assert SCHEMA.read_text("utf-8") == json_schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(json_schema()))


@pytest.mark.parametrize("name", NETWORKS)
def test_documents_follow_the_schema(name: str) -> None:
    validate(document(NETWORKS[name](), claims=CLAIMS))


def test_of_a_long_list_each_item_is_a_line() -> None:
    few, many = (sequence(*[op("relu")] * times, input=image()) for times in (9, 1_001))
    assert '      "op": "relu",\n' in render_json([Subject(Facts(few), "a.arch")])
    text = render_json([Subject(Facts(many), "a.arch")])
    lines = [line.strip().removesuffix(",") for line in text.splitlines()]
    assert [json.loads(line) for line in lines if '"op": "relu"' in line] == json.loads(text)["layers"]


def test_the_schema_refuses_what_is_not_a_report() -> None:
    found = document(networks.lenet5())
    for wrong in ({**found, "schema": "archdsl.report/2"}, {**found, "more": 1}, {"schema": "archdsl.report/1"}):
        with pytest.raises(jsonschema.ValidationError):
            validate(wrong)


def test_vgg16() -> None:
    """The figures of Simonyan & Zisserman 2015, and those measured with PyTorch 2.13."""
    found = document(networks.vgg16())
    assert (found["schema"], found["network"], found["bindings"]) == ("archdsl.report/1", "VGG16", {"N": 1})
    assert found["inputs"] == [{"name": "image", "shape": [3, 224, 224], "dtype": "float32"}]
    assert found["outputs"] == ["logits"]
    totals = {name: found["totals"][name] for name in ("params", "macs", "activations", "depth")}
    assert totals == {"params": 138357544, "macs": 15470264320, "activations": 15237608, "depth": 16}
    assert [scope["path"] for scope in found["scopes"]] == ["features", "classifier"]
    first = found["layers"][0]
    assert (first["path"], first["op"], first["inputs"], first["output"]) == (
        "features.0",
        "conv",
        ["image"],
        [64, 224, 224],
    )
    assert (first["params"], first["macs"], first["bytes"]) == (1792, 86704128, 12845056)
    assert first["attrs"]["window"] == [3, 3]
    assert first["receptive_field"] == {
        "size": [3, 3],
        "least": [3, 3],
        "stride": [1, 1],
        "start": [-1, -1],
        "centre": [0.5, 0.5],
        "status": "exact",
    }


def test_memory_of_vgg16() -> None:
    memory = document(networks.vgg16())["memory"]
    timeline, figures, storages = (memory.pop(name) for name in ("timeline", "figures", "storages"))
    assert memory == {
        "mode": "inference",
        "precision": "float32",
        "autocast": "cuda",
        "estimated_for": [],
        "refused": [],
        "peak": 579722400,
        "parameters": 553430176,
        "buffers": 0,
        "inputs": 602112,
        "activation_peak": 25690112,
        "at": "features.2",
        "saved_for_backward": 73355264,
        "training": None,
    }
    assert timeline[0] == {"step": 1, "layer": "features.0", "live": ["features.0"], "bytes": 12845056}
    assert max(moment["bytes"] for moment in timeline) == memory["activation_peak"]
    first = {"layer": "features.0", "what": "output", "made": 1, "freed": 3, "used": [1, 2, 3]}
    assert storages[0] == {**first, "bytes": {"single": 12845056, "fixed": 0, "per_sample": 12845056}}
    assert {"name": "activations", "bytes": 60950432, "convention": "lecture", "status": "exact"} in figures


@pytest.mark.parametrize("batch", ["1", "8"])
@pytest.mark.parametrize("model", MEASURED)
def test_storages_hold_for_every_batch(model: str, batch: str) -> None:
    """The document of any batch gives the peak that was measured at another."""
    memory = document(networks.published(model), 3)["memory"]
    held = memory["parameters"] + memory["buffers"] + memory["inputs"] // 3 * int(batch)
    alive = [
        sum(bytes_at(s["bytes"], int(batch)) for s in memory["storages"] if s["made"] <= step <= s["freed"])
        for step in range(1, len(memory["timeline"]) + 1)
    ]
    assert held + max(alive) == MEASURED[model][batch]["peak"]


def bytes_at(size: dict[str, int], batch: int) -> int:
    return size["single"] if batch == 1 else size["fixed"] + size["per_sample"] * batch


def test_memory_of_a_training_step() -> None:
    facts = Facts(networks.resnet(), 8)
    found = document(networks.resnet(), 8, training=facts.training(TrainingSettings("adam")))
    validate(found)
    memory, step = found["memory"], found["memory"]["training"]
    held = (memory[name] for name in ("parameters", "buffers", "inputs", "activation_peak"))
    assert memory["mode"] == "training"
    assert memory["peak"] == sum(held) + step["target"] + step["optimizer_state"] == max(step["phases"].values())
    assert sum(alive["bytes"] for alive in step["alive"]) == memory["activation_peak"]
    assert {moment["phase"] for moment in step["timeline"]} == {*step["phases"]}
    assert {bytes_at(moment["sizes"], 8) - moment["bytes"] for moment in step["timeline"]} == {0}
    one = Facts(networks.resnet()).training(TrainingSettings("adam"))
    assert max(moment["sizes"]["single"] for moment in step["timeline"]) == one.peak
    assert step["phase"] == "backward" and step["alive"][0]["span"] == [1, 1, 1, 1]


def test_claims_and_findings() -> None:
    kind = Kind("claim-fails", "error", "")
    span = Span(SOURCE, 14, 18)
    finding = Diagnostic(kind, "no", Label(span, "here"), (Label(span, "and"),), notes=("n",), helps=("do", "this"))
    third = Claimed("params / 3 == 1", False, Fraction(1, 4), "1/4")
    found = document(networks.lenet5(), claims=(*CLAIMS, third), diagnostics=[finding])
    validate(found)
    assert found["claims"][0] == {
        "text": "params ~ 138M",
        "holds": True,
        "disputed": False,
        "value": 138357544,
        "source": "Simonyan & Zisserman 2015, Table 2",
        "span": [1, 1, 1, 21],
    }
    assert [claim["disputed"] for claim in found["claims"]] == [False, False, True, True, False]
    assert found["claims"][-1]["value"] == 0.25
    where = {"file": "specs/a.arch", "span": [2, 3, 2, 7]}
    labels = [{**where, "text": "here"}, {**where, "text": "and"}]
    assert found["diagnostics"] == [
        {
            "code": "claim-fails",
            "severity": "error",
            "message": "no",
            **where,
            "labels": labels,
            "notes": ["n"],
            "help": "do\nthis",
        }
    ]


def test_a_file_without_a_network_has_its_findings() -> None:
    broken = ("a.arch", [Diagnostic(Kind("not-text", "error", ""), "no text")])
    found = json.loads(render_json([], [broken]))
    validate(found)
    assert found["network"] is None and found["diagnostics"][0]["span"] is None


def test_several_networks_are_a_list() -> None:
    subjects = [Subject(Facts(networks.lenet5())), Subject(Facts(networks.resnet()))]
    found = json.loads(render_json(subjects))
    assert [part["network"] for part in found] == ["LeNet5", "ResNet"]


def test_layers_name_the_calls_around_them() -> None:
    """A block call, and in it an inlined one; a loop's turn is no call."""
    inner, (x,) = block("unit", image(4, 8))
    stage = CallFrame("stage(64, [3, 3])", Span(SOURCE, 14, 30), "stage", (("channels", "64"), ("windows", "[3, 3]")))
    turn = CallFrame("window = 3", Span(SOURCE, 14, 30))
    (y,) = inner.builder.apply("0", op("conv", 4, 1), (x,), Origin(Span(SOURCE, 14, 18), (stage, turn)))
    unit = end(inner, y)
    unit.arguments = (("norm", "bn"), ("rate", "1e999"), ("deep", "[" * 100_000), ("odd", "NaN"))
    body, (x,) = network("Calls", image(4, 8))
    found = document(finish(body, body.one(unit, x, label="u")))
    validate(found)
    arguments = {"norm": "bn", "rate": "1e999", "deep": "[" * 100_000, "odd": "NaN"}
    assert found["layers"][0]["calls"] == [
        {"block": "unit", "args": arguments, "line": 1, "file": "test.arch"},
        {"block": "stage", "args": {"channels": 64, "windows": [3, 3]}, "line": 2, "file": None},
    ]
    assert found["layers"][0]["span"] == [2, 3, 2, 7]
    assert found["scopes"] == [{"path": "u", "call": "unit", "children": ["u.0"], "repeat": None}]


def test_several_results_and_several_readers() -> None:
    layers = {layer["path"]: layer for layer in document(networks.alexnet_two_gpus())["layers"]}
    assert layers["split"]["output"] == [192, 13, 13]
    assert layers["split"]["outputs"] == [[192, 13, 13], [192, 13, 13]]
    assert layers["concat"]["inputs"] == ["gpu0.5", "gpu1.5"] and layers["concat"]["outputs"] is None


def test_the_batch_scales_bytes() -> None:
    """All but the number that LeNet's tanh is multiplied by, 8 bytes at the peak."""
    one, four = (json.loads(render_json([Subject(Facts(networks.lenet5(), batch))])) for batch in (1, 4))
    assert four["bindings"] == {"N": 4} and four["totals"] == one["totals"]
    assert four["layers"][0]["bytes"] == 4 * one["layers"][0]["bytes"]
    assert four["memory"]["activation_peak"] - 8 == 4 * (one["memory"]["activation_peak"] - 8)


@pytest.mark.parametrize("name", NETWORKS)
def test_documents_are_the_same_every_time(name: str) -> None:
    first, second = (render_json([Subject(Facts(NETWORKS[name]()))]) for _ in range(2))
    assert first == second and first.isascii() and "NaN" not in first and "Infinity" not in first
