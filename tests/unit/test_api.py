"""The Python API: figures, reports and errors of a loaded network."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

import archdsl
from archdsl import NetworkSpec, SpecError, load, loads
from archdsl.analyses.options import options_of
from tests.support.cli import ROOT, Cli

SPEC = """\
network Small(classes = 10, width = 4, k = 3, rate = 0.5) {
  input image: [3, 8, 8]
  conv1: conv(width, k) -> relu
  flatten -> dropout(rate)
  fc: linear(classes)
  output scores
  training { relu; output also }
  expect params == 28 * width + classes * (width * 36 + 1)
}
network Wide = Small(width=8)
network Template(n) { input image: [n, 8, 8]; conv(n, 1x1) }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "small.arch"
    path.write_text(SPEC)
    return path


@pytest.fixture
def small(path: Path) -> NetworkSpec:
    return load(f"{path}:Small")


def test_figures(small: NetworkSpec) -> None:
    """By hand: 4 maps of 6x6 by a 3x3 window, 10 classes of 144 features."""
    assert small.name == "Small"
    assert small.params == 4 * 28 + 10 * 145
    assert small.macs == 4 * 36 * 27 + 1440
    assert small.flops == 2 * small.macs
    assert small.activations == 192 + 144 + 10
    assert small.depth == 2
    assert small.inputs == {"image": (3, 8, 8)}
    assert small.outputs == {"scores": (10,)}
    assert [p.severity for p in small.problems if p.severity == "error"] == []
    assert small.memory("parameters") == 4 * small.params
    assert small.memory("inputs", batch=8) == 8 * 768
    with pytest.raises(KeyError):
        small.memory("nothing")


def test_the_figures_of_vgg16_are_those_of_its_table() -> None:
    """Simonyan & Zisserman 2015, Table 2, and the lecture's table of activations."""
    net = load(ROOT / "specs/vgg16.arch")
    assert (net.params, net.macs, net.activations, net.depth) == (138_357_544, 15_470_264_320, 15_237_608, 16)
    assert repr(net) == "<VGG16: 138_357_544 params, 15_470_264_320 MACs, 16 weight layers>"


@pytest.mark.parametrize(
    ("parameters", "params"),
    [
        ({"classes": 3}, 112 + 3 * 145),
        ({"width": 8}, 224 + 10 * 289),
        ({"k": [3, 1]}, 4 * 10 + 10 * (4 * 48 + 1)),
        ({"k": (3, 1)}, 4 * 10 + 10 * (4 * 48 + 1)),
        ({"rate": 0.25}, 112 + 1450),
        ({"rate": Fraction(1, 3)}, 112 + 1450),
    ],
)
def test_parameters(path: Path, parameters: dict[str, Any], params: int) -> None:
    assert load(f"{path}:Small", **parameters).params == params


def test_numbers_of_python_are_exact(tmp_path: Path) -> None:
    (tmp_path / "a.arch").write_text("network A(x) { input image: [3, 8, 8]; where x * 10 == 1; dropout(x) }")
    assert load(f"{tmp_path}/a.arch:A", x=0.1).params == 0


def test_inputs_symbols_and_batch(path: Path, tmp_path: Path) -> None:
    assert load(f"{path}:Small", inputs={"": (3, 16, 16)}).outputs == {"scores": (10,)}
    assert load(f"{path}:Small", inputs={"image": [3, 16, 16]}).macs == 4 * 27 * 196 + 4 * 196 * 10
    assert load(f"{path}:Small", batch=4).memory("inputs") == 4 * 768
    (tmp_path / "a.arch").write_text("network A { input image: [3, H, W]; conv(4, 3x3) }")
    assert load(tmp_path / "a.arch", H=8, W=8).macs == 4 * 27 * 36


def test_variants_and_templates(path: Path) -> None:
    assert load(f"{path}:Wide").params == 224 + 10 * 289
    assert load(f"{path}:Template", n=5).params == 30


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("several.arch", SpecError, "`{}/several.arch` has 2 networks: name one"),
        ("small.arch:Smal", SpecError, "has no network `Smal`; did you mean `Small`?"),
        ("template.arch", SpecError, "has no network that can be built, only the template T"),
        ("nowhere.arch", SpecError, "error[unreadable-file]: cannot read `{}/nowhere.arch`"),
        ("nowhere.arch:A", SpecError, "error[unreadable-file]: cannot read `{}/nowhere.arch`"),
        ("binary.arch", SpecError, "error[not-text]"),
        ("empty.arch", SpecError, "error[empty-file]"),
        ("broken.arch", SpecError, "error[unknown-name]: no layer, block or value is called `cnv`"),
        ("small.arch:Template", SpecError, "error[missing-argument]"),
        ("", SpecError, "`` names no file: write FILE or FILE:NETWORK"),
        (".", SpecError, "`.` is a folder: name one of its specs"),
    ],
)
def test_what_cannot_be_loaded(path: Path, name: str, error: type[Exception], words: str) -> None:
    (path.parent / "template.arch").write_text("network T(n) { input image: [n, 8, 8]; relu }")
    (path.parent / "binary.arch").write_bytes(b"\0\xff")
    (path.parent / "empty.arch").write_text("")
    (path.parent / "several.arch").write_text(
        "network A { input x: [3, 8, 8]; relu }\nnetwork B { input x: [3, 8, 8]; relu }"
    )
    (path.parent / "broken.arch").write_text("network A { input image: [3, 8, 8]; cnv(4) }")
    with pytest.raises(error) as raised:
        load(f"{path.parent}/{name}" if name not in ("", ".") else name)
    assert words.format(path.parent) in str(raised.value)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ([8.5], "a size is a whole number of at least 1, not 8.5"),
        (["8"], 'a size is a whole number of at least 1, not "8"'),
        ([True], "a size is a whole number of at least 1, not true"),
        ([-8], "a size is a whole number of at least 1, not -8"),
        ([2**40 + 1], "a size is at most 1_099_511_627_776, not 1_099_511_627_777"),
        ("3x8", "`inputs` has '3x8' for 'x': sizes in a list without the batch"),
        (8, "`inputs` has 8 for 'x': sizes in a list without the batch"),
    ],
)
def test_shapes_that_there_are_not(shape: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        loads("network N { input x: [8]; relu }", inputs={"x": shape})


def test_the_largest_size_is_one_from_outside_too(cli: Cli, tmp_path: Path) -> None:
    text = f"network N {{ input x: [{2**40}]; relu }}"
    (tmp_path / "a.arch").write_text(text)
    assert loads(text).inputs == loads(text, inputs={"x": [2**40]}).inputs == {"x": (2**40,)}
    assert cli("report", "params", f"{tmp_path}/a.arch", "--input", str(2**40)).code == 0


class _Options(NamedTuple):
    number: int = 1
    share: float = 0.5
    is_flat: bool = False
    title: str = ""
    kind: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] | None = None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("number", True, "a whole number"),
        ("share", "1", "a number"),
        ("is_flat", 1, "True or False"),
        ("title", 3, "a string"),
        ("kind", "c", "a, b"),
        ("sizes", ["3"], "a list"),
    ],
)
def test_an_option_of_any_type_says_what_it_takes(name: str, value: object, words: str) -> None:
    with pytest.raises(ValueError, match=rf"^`{name}` is no .*: {words}$"):
        options_of(_Options, {name: value})


@pytest.mark.parametrize("batch", [0, -3, 2.5, True, None])
def test_a_batch_without_samples_is_refused_at_once(path: Path, batch: Any) -> None:
    with pytest.raises(ValueError, match=f"`batch` is no {batch}: a whole number of at least 1"):
        load(f"{path}:Small", batch=batch)


@pytest.mark.parametrize(
    ("parameters", "error", "words"),
    [
        ({"clases": 3}, SpecError, "`Small` has no parameter `clases`"),
        ({"width": 0}, SpecError, "error[attribute-value]"),
        ({"width": float("nan")}, TypeError, "width is a number"),
        ({"width": None}, TypeError, "width is a number"),
        ({"width": {"a": 1}}, TypeError, "width is a number"),
        ({"k": [3, [None]]}, TypeError, "k is a number"),
    ],
)
def test_parameters_that_do_not_fit(path: Path, parameters: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words.replace("[", r"\[")):
        load(f"{path}:Small", **parameters)


def test_a_spec_error_holds_its_diagnostics(tmp_path: Path) -> None:
    (tmp_path / "a.arch").write_text("network A { input image: [3, 8, 8]; cnv(4); foo }\nlet a = 1 / 0")
    with pytest.raises(SpecError) as raised:
        load(tmp_path / "a.arch")
    assert [p.code for p in raised.value.problems] == ["bad-arithmetic"]
    (tmp_path / "a.arch").write_text("network A { input image: [3, 8, 8]; cnv(4); image -> foo }")
    with pytest.raises(SpecError) as raised:
        load(tmp_path / "a.arch")
    assert [p.code for p in raised.value.problems] == ["unknown-name", "unknown-name"]


def test_claims_that_fail_are_problems_and_no_errors(tmp_path: Path) -> None:
    (tmp_path / "a.arch").write_text("network A { input image: [3, 8, 8]; conv(4, 3x3); output y; expect params == 1 }")
    assert [p.code for p in load(tmp_path / "a.arch").problems] == ["claim-fails"]


def test_reports_are_those_of_the_command_line(
    path: Path, small: NetworkSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = Cli(capsys)
    for name in ("summary", "memory", "flops", "receptive-field"):
        assert small.report(name) == cli("report", name, f"{path}:Small").out
    assert small.report("memory", formulas=True) == cli("report", "memory", f"{path}:Small", "--formulas").out
    for format in ("csv", "markdown", "json"):
        assert small.report("params", format=format) == cli("report", "params", f"{path}:Small", "--format", format).out
    assert json.loads(small.report(format="json"))["network"] == "Small"
    assert str(small) == repr(small.report()) == small.report("summary")
    with pytest.raises(ValueError, match="there is no report 'nothing': summary, "):
        small.report("nothing")
    with pytest.raises(ValueError, match="there is no option 'dept': depth, "):
        small.report(dept=1)
    with pytest.raises(ValueError, match="there is no device 'h300': h200, "):
        small.report("flops", on="h300")
    with pytest.raises(ValueError, match="`memory` is no '24GiB': a number of bytes"):
        small.fit("24GiB")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there is no format 'yaml': text, html"):
        small.report(format="yaml")


@pytest.mark.parametrize(
    ("report", "options", "words"),
    [
        ("nothing", {"format": "json"}, "there is no report 'nothing': summary, "),
        ("nothing", {"format": "html"}, "there is no report 'nothing': summary, "),
        ("params", {"format": "json", "dept": 1}, "there is no option 'dept': depth, "),
        ("params", {"width": 0}, "`width` is no 0: a whole number of at least 1"),
        ("params", {"depth": -1}, "`depth` is no -1: a whole number of at least 0"),
        ("params", {"top": True}, "`top` is no True: a whole number of at least 1"),
        ("params", {"full": 1}, "`full` is no 1: True or False"),
        ("params", {"sort": 3}, "`sort` is no 3: a string"),
        ("receptive-field", {"unit": "x"}, r"`unit` is no 'x': a path and indices, as \('features.30', \(3, 3\)\)"),
        ("receptive-field", {"unit": ("conv1", 3)}, "a path and indices"),
        ("params", {"unit": ("conv1", (3, 3))}, "`unit` is for the report `receptive-field`"),
        *(
            (
                "receptive-field",
                {"unit": ("conv1", (3, 3)), "format": format},
                f"`unit` is not heeded in {format}, only in text, markdown and latex",
            )
            for format in ("csv", "json", "html")
        ),
        *(
            (
                "memory",
                {name: value, "format": format},
                f"`{name}` is not heeded in {format}, only in text, csv, markdown",
            )
            for format in ("json", "html")
            for name, value in {"depth": 0, "full": True, "sort": "bytes", "top": 3, "formulas": True}.items()
        ),
        ("shapes", {"sort": ""}, "`sort` is empty: name a column"),
        ("shapes", {"autocast": "cpu"}, "`autocast` says whose, of a mixed precision: add `precision bf16-mixed`"),
        ("params", {"formulas": True}, "`formulas` is for the report `memory`"),
        ("summary", {"on": "h200"}, "`on` is for the reports `flops` and, of a training step, `memory`"),
        ("memory", {"on": "h200"}, "`on` is about a training step for the report `memory`: add `training`"),
        ("memory", {"on": "cpu", "training": {}}, "`on` is a GPU for the report `memory`: h200, a100"),
        (
            "flops",
            {"on": "h200", "precision": "float8"},
            "`precision` is no 'float8' on NVIDIA H200 SXM: float32, tf32, bfloat16, float16",
        ),
    ],
)
def test_what_a_report_refuses(small: NetworkSpec, report: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small.report(report, **options)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizer": None}, "`optimizer` is no None: sgd, momentum, "),
        ({"accumulate": 0}, "`accumulate` is no 0: a whole number of at least 1"),
        ({"accumulate": 2.5}, "`accumulate` is no 2.5: a whole number of at least 1"),
        ({"accumulate": True}, "`accumulate` is no True"),
        ({"weight_decay": "yes"}, "`weight_decay` is no 'yes': True or False"),
        ({"freeze": [3]}, r"`freeze` is no \[3\]: paths in a list"),
    ],
)
def test_settings_of_no_training_step(small: NetworkSpec, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small.training(**settings)


def test_paths_come_in_any_sequence(small: NetworkSpec) -> None:
    """By hand: without the first layer the gradients are those of 10 x 144 weights and 10 biases."""
    assert small.training(freeze=["conv1"]).gradients == small.training(freeze=("conv1",)).gradients == 4 * 1450


def test_other_options_that_there_are_not(small: NetworkSpec) -> None:
    for memory in (-5, 24, True):
        with pytest.raises(ValueError, match=f"`memory` is no {memory}: a number of bytes"):
            small.fit(memory)
    with pytest.raises(ValueError, match="there is no device 'cpu': h200, a100"):
        small.fit(2**30, on="cpu")
    with pytest.raises(ValueError, match="`style` is no 'round': auto, expanded"):
        small.to_svg(style="round")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`theme` is no 'blue': auto, light"):
        small.to_svg(theme="blue")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`init` is no 'zero': he, "):
        small.to_source(init="zero")
    for make in (small.to_source, small.to_torch):
        with pytest.raises(ValueError, match="`checkpoint` is about training"):
            make(inference=True, checkpoint=["conv1"])


def test_source_and_graph(small: NetworkSpec) -> None:
    compile(small.to_source(), "generated.py", "exec")
    assert small.graph.name == "Small" and small.graph.inputs == ("image",)
    graph = small.to_networkx()
    assert graph.nodes["conv1"]["op"] == "conv" and graph.nodes["conv1"]["params"] == 112


def test_edges_number_operands_and_results() -> None:
    """`right - left`, of the second and the first part of a split, and its square as a product."""
    text = """
network Parts {
  input rows: [4, 6]
  split(2, axis=-1) as left, right
  subtract { | right | left } as change
  multiply { | change | change } as product
  output product
}
"""
    graph = loads(text).to_networkx()
    edges = [f"{a}[{d['result']}] -> {b}[{d['operand']}]" for a, b, d in graph.edges(data=True)]
    assert edges[:3] == ["rows[0] -> split[0]", "split[1] -> subtract[0]", "split[0] -> subtract[1]"]
    assert edges[3:] == ["subtract[0] -> multiply[0]", "subtract[0] -> multiply[1]", "multiply[0] -> product[0]"]


def test_a_notebook_shows_the_summary(small: NetworkSpec) -> None:
    bundle = small._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Small") and bundle["image/svg+xml"].startswith("<")
    assert set(bundle) == {"text/plain", "image/svg+xml", "text/html"}


def test_importing_is_lazy_and_complete() -> None:
    assert all(getattr(archdsl, name) is not None for name in archdsl.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        archdsl.nothing  # noqa: B018


def test_bundled_specs_go_by_their_names() -> None:
    assert load("vgg16").params == 138_357_544
    assert load("resnet50").name == "ResNet50"
    with pytest.raises(SpecError, match="did you mean `vgg16`"):
        load("vgg61")


def test_a_text_is_a_spec(tmp_path: Path) -> None:
    (tmp_path / "parts.arch").write_text("block head(n) { flatten; linear(n) }")
    text = 'import head from "parts.arch"\nnetwork A(n = 10) { input x: [3, 8, 8]; head(n) }\nnetwork B = A(n=5)\n'
    assert loads(text, network="A", root=tmp_path).params == 193 * 10
    assert loads(text, network="B", root=tmp_path, inputs={"": (3, 4, 4)}).params == 49 * 5
    assert loads(text, network="b", root=tmp_path).name == "B"
    with pytest.raises(SpecError, match="has no network `C`; it has A, B"):
        loads(text, network="C", root=tmp_path)
    with pytest.raises(SpecError, match="has 2 networks"):
        loads(text, root=tmp_path)
    with pytest.raises(SpecError, match="unknown-name"):
        loads("network A { input x: [3, 8, 8]; cnv(4) }")


def test_a_training_step(path: Path) -> None:
    net = load("resnet50", batch=8)
    step = net.training(optimizer="adam")
    assert step.batch == 8 and step.peak > net.training(2, optimizer="adam").peak > net.training(2).peak
    found = net.fit(24 * 2**30, optimizer="adamw", precision="bf16-mixed")
    assert found.certain is not None and found.likely is not None and 0 < found.certain.batch <= found.likely.batch
    assert "adam" in net.report("memory", training={"optimizer": "adam"}) and "adam" not in net.report("memory")
    with pytest.raises(ValueError, match="there is no setting 'optimiser'"):
        net.training(optimiser="adam")
    with pytest.raises(ValueError, match="`optimizer` is no 'adan': sgd, momentum, "):
        net.training(optimizer="adan")
    with pytest.raises(ValueError, match=r"`freeze` is no 'a': paths in a list, as \['features\.\*'\]"):
        net.training(freeze="a")
    for batch in (0, -3, 2.5):
        with pytest.raises(ValueError, match=f"`batch` is no {batch}: a whole number of at least 1"):
            net.training(batch)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"`batch` is no {batch}: a whole number of at least 1"):
            net.memory("peak", batch)  # type: ignore[arg-type]


def test_a_network_goes_to_another_process(path: Path) -> None:
    net = load(f"{path}:Small", batch=4, inputs={"": (3, 16, 16)}, classes=3)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert (repr(other), other.inputs, other.memory()) == (repr(net), net.inputs, net.memory())
    with ProcessPoolExecutor(1) as pool:
        assert list(pool.map(str, [net])) == [str(net)]


def test_a_copy_imports_what_it_imported(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "wide.arch").write_text("let width = 7")
    (tmp_path / "parts/a.arch").write_text(
        'import width from "../wide.arch"\nnetwork A { input x: [3]; linear(width) }'
    )
    net = load(tmp_path / "parts/a.arch", root=tmp_path)
    assert copy.deepcopy(net).params == net.params == 4 * 7


def test_numbers_of_numpy_and_whole_floats_count(path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    for three in (3.0, Fraction(3), numpy.int64(3), numpy.float64(3)):
        assert load(f"{path}:Small", classes=three).params == 112 + 3 * 145
    assert load(f"{path}:Small", inputs={"": numpy.array([3, 16, 16]).tolist()}).outputs == {"scores": (10,)}
    assert load(f"{path}:Small", inputs={"": tuple(numpy.array([3, 16, 16]))}).outputs == {"scores": (10,)}


def test_what_is_no_mapping_and_no_text_is_told() -> None:
    with pytest.raises(ValueError, match="`inputs` is no \\(3, 9, 9\\): by name"):
        loads("network N { input x: [8]; relu }", inputs=(3, 9, 9))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"`text` is no b'network.*: a string"):
        loads(b"network N { input x: [8]; relu }")  # type: ignore[arg-type]
