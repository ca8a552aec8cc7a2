"""Networks for other programs: TikZ for LaTeX, Mermaid for Markdown, graphs and costs for Model Explorer."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from archdsl.analyses import Facts
from archdsl.backends.drawing import Look, draw
from archdsl.backends.model_explorer import costs_json, graph_json
from archdsl.backends.networkx import to_networkx
from archdsl.ir import Network
from tests.support.build import op, sequence
from tests.support.cli import Cli
from tests.support.networks import alexnet_two_gpus, lenet5, resnet, vgg16

HOSTILE = "\\input{x} $%&#_{}~^ `\"'<script>-->|*end"
NETWORKS = {"vgg16": vgg16, "alexnet": alexnet_two_gpus, "lenet": lenet5, "resnet": resnet}
TIKZ_COMMANDS = {
    *("definecolor", "begin", "end", "useasboundingbox", "path", "node", "fontfamily", "fontsize", "selectfont"),
    *("bfseries", "to", "times", "cdot", "downarrow", "uparrow", "textbackslash", "textasciitilde", "textasciicircum"),
    *("textquotedbl", "textquotesingle", "textasciigrave", "quad"),
}


def drawn(network: Network, format: str, **options: str) -> str:
    return draw(network, Facts(network).cost, Look(format, **options)).decode()  # type: ignore[arg-type]


def hostile() -> Network:
    return sequence(op("linear", 3), op("relu"), input=vgg16().input_types[0].with_shape((8,)))._replace(name=HOSTILE)


@pytest.mark.parametrize("name", NETWORKS)
def test_tikz_says_what_svg_says(name: str) -> None:
    network = NETWORKS[name]()
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn(network, "svg"))
    nodes = re.findall(r"\\node\[.*?\] at \(.*?\) \{(.*)\};", drawn(network, "tikz"))
    assert len(nodes) == len([text for text in texts if text.strip()])
    words = [re.sub(r"\\[a-zA-Z]+(\{.*?\})*|[^\w]|_", "", node) for node in nodes]
    assert words == [re.sub(r"[^\w]|_", "", text.replace("&amp;", "")) for text in texts if text.strip()]


def test_tikz_takes_names_for_text() -> None:
    found = drawn(hostile(), "tikz")
    assert set(re.findall(r"\\([a-zA-Z]+)", found)) <= TIKZ_COMMANDS
    unescaped = re.sub(r"\\[{}]", "", found)
    assert unescaped.count("{") == unescaped.count("}")
    assert found.count(r"\end{tikzpicture}") == 1 and not re.search(r"(?<!\\)[%#&]", found)


def edges(mermaid: str) -> list[tuple[str, str]]:
    return re.findall(r"^ *(n\d+) -->(?:\|.*\|)? (n\d+)$", mermaid, re.MULTILINE)


def labels(mermaid: str) -> dict[str, str]:
    return dict(re.findall(r'^ *(n\d+)[\[({]+"(.*)"[\])}]+$', mermaid, re.MULTILINE))


def test_mermaid_of_a_chain() -> None:
    found = drawn(vgg16(), "mermaid", style="expanded")
    names = labels(found)
    order = [names[source] for source, _ in edges(found)]
    assert order[0] == "image · 3×224×224" and names[edges(found)[-1][1]] == "logits · 1000"
    assert all(a[1] == b[0] for a, b in pairwise(edges(found)))
    assert sum(label.count("conv 3×3") for label in order) == 13


def test_mermaid_of_arms() -> None:
    """Both towers of AlexNet are joined by three concatenations before the layers that read both."""
    found = drawn(alexnet_two_gpus(), "mermaid", style="expanded")
    joins = [key for key, label in labels(found).items() if label.startswith("concat")]
    assert joins and all(sum(target == key for _, target in edges(found)) == 2 for key in joins)


def test_mermaid_takes_names_for_text() -> None:
    found = drawn(hostile(), "mermaid")
    assert json.loads(found.splitlines()[1].removeprefix("title: ")).startswith(HOSTILE)
    for label in re.findall(r'"(.*)"', found.partition("flowchart")[2]):
        assert not re.search(r'["<>`\\*_~|{}\[\]()]', label.replace("<br/>", "")), label


def explored(network: Network) -> dict[str, Any]:
    (graph,) = json.loads(graph_json(Facts(network)))["graphs"]
    return {node["id"]: node for node in graph["nodes"]}


@pytest.mark.parametrize("name", NETWORKS)
def test_model_explorer_has_the_edges_of_the_graph(name: str) -> None:
    network = NETWORKS[name]()
    nodes = explored(network)
    found = {(edge["sourceNodeId"], id) for id, node in nodes.items() for edge in node["incomingEdges"]}
    graph = to_networkx(network)
    ends = {
        n: f"{d['op']} {n.removesuffix(' (output)')}"
        for n, d in graph.nodes(data=True)
        if d["op"] in ("input", "output")
    }
    assert found == {(ends.get(a, a), ends.get(b, b)) for a, b in graph.edges()}


def test_model_explorer_has_published_costs() -> None:
    """VGG-16: 138,357,544 parameters, and 15,470,264,320 multiply-adds by FlopCounterMode."""
    facts = Facts(vgg16())
    nodes = explored(vgg16())
    data = json.loads(costs_json(facts))["VGG16"]
    assert sum(result["value"] for result in data["results"].values()) == 15_470_264_320
    assert set(data["results"]) <= set(nodes)
    told = ((a["key"], int(a["value"])) for node in nodes.values() for a in node["attrs"] if a["key"] == "parameters")
    assert sum(count for _, count in told) == 138_357_544
    graph = json.loads(graph_json(facts))["graphs"][0]
    assert graph["groupNodeAttributes"][""]["parameters"] == "138_357_544"
    first = nodes["features.0"]
    assert (
        first["namespace"] == "features" and first["outputsMetadata"][0]["attrs"][0]["value"] == "float32[64, 224, 224]"
    )


@pytest.mark.parametrize(
    ("file", "start"),
    [("net.tikz", "\\definecolor"), ("net.mmd", "---\ntitle:"), ("net.json", '{\n "label"'), ("net.dot", "digraph")],
)
def test_the_ending_says_the_format(capsys: pytest.CaptureFixture[str], tmp_path: Path, file: str, start: str) -> None:
    done = Cli(capsys)("draw", "lenet:LeNet5", "-o", str(tmp_path / file))
    assert done.code == 0 and (tmp_path / file).read_text("utf-8").startswith(start)


def test_costs_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    done = Cli(capsys)("draw", "lenet:LeNet5", "--format", "model-explorer-costs")
    assert list(json.loads(done.out)) == ["LeNet5"]
