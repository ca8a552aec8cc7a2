"""The generated source as text: what it looks like, that ruff would not touch it, and that no spec can break it."""

from __future__ import annotations

import ast
import builtins
import subprocess
import sys
from collections.abc import Callable
from keyword import kwlist
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archdsl.analyses.storage import StorageFacts
from archdsl.backends.pytorch import emit
from archdsl.backends.pytorch.code.emit import source
from archdsl.ir import MODULE_ATTRIBUTES, Misfit, Module, Network, Output
from archdsl.ops import catalogue
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source
from tests.support.again import printed
from tests.support.build import block, end, finish, image, network, op, resnet, sequence, two_towers, vgg16
from tests.support.calls import op_of, types_of
from tests.support.golden import assert_golden
from tests.support.random_networks import random_network

ROOT = Path(__file__).parents[2]
CONV = op("conv", 4, 1)
HOSTILE = (
    '"',
    '"quoted"',
    '"""',
    '""" + str(1/0) + """',
    "'''",
    "\\",
    '\\"""',
    "ends with \\",
    'ends with "',
    'ends with \\"',
    "two\nlines",
    "\n\n    indented\n\n",
    "tab\there",
    "\x00",
    "a\rb",
    "a\x0cb\x0bc\x1cd\x85e",
    "a\u2028b\u2029c",
    "\u202e reversed \u2066",
    "\ud800",
    "\N{ZERO WIDTH SPACE}",
    "naïve — 深度学习 🤖",
    "深" * 200,
    "word " * 100,
    "x" * 300,
    "{0} {x!r} %s",
    "# noqa",
    "\\N{BULLET} \\x41 \\u0041",
    "  \t ",
    "a. \\",
)


def mlp() -> Network:
    layers = (op("flatten"), op("linear", 256), op("relu"), op("linear", 10), op("softmax"))
    return sequence(*layers, input=image(1, 28), name="MLP")


def lenet() -> Network:
    """Parts that torch.nn lacks: their classes come first."""
    table = ("XX.X", "X.XX", ".XXX")
    body, (x,) = network("LeNet", image(1, 32))
    tanh = op("tanh", gain=1.7159, slope=2 / 3)
    x = body.chain(x, ("c1", op("conv", 3, 5)), tanh, ("s2", op("subsample", 2)), tanh)
    x = body.chain(x, ("c3", op("conv", 4, 5, table=table)), tanh, op("flatten"), ("rbf", op("rbf", 10)))
    return finish(body, x, source="LeCun et al. 1998")


def inception() -> Network:
    """A block called twice at other sizes, taps with several readers, a part for training only, a doc comment."""
    body, (x,) = network("Inception", image(3, 32), doc="Arms, a tap and an auxiliary head.\n\nSzegedy et al. 2015.")
    x = body.chain(x, ("stem", op("conv", 16, 3, pad=1)), op("relu"))
    x.tap = "early"
    skip = x
    for label in "ab":
        inner, (y,) = block("inception", x.type, doc="Three arms side by side.")
        arms = [
            inner.chain(y, ("branch1", op("conv", 8, 1)), op("relu")),
            inner.group("branch2", y, op("conv", 4, 1), op("relu"), op("conv", 4, 3, pad=1), op("relu")),
            inner.group("branch3", y, ("pool", op("maxpool", 3, stride=1, pad=1)), ("conv", op("conv", 4, 1))),
        ]
        x = body.one(end(inner, inner.one(op("concat"), *arms)), x, label=f"inception_{label}")
        if label == "a":
            aux = body.group("aux", x, op("avgpool", "global"), op("flatten"), op("linear", 10), training=True)
        x = body.one(op("maxpool", 2), x)
    skip = body.one(op("avgpool", 4), skip)
    x = body.one(op("concat"), skip, x)
    x = body.chain(x, op("avgpool", "global"), op("flatten"), ("fc", op("linear", 10)))
    return finish(body, ("logits", x), ("auxiliary", aux), training=("auxiliary",))


def siamese() -> Network:
    """Two inputs through one tower whose only label stands at its end; two outputs."""
    body, (left, right) = network("Siamese", ("left", image(1, 28)), ("right", image(1, 28)))
    inner, (x,) = block("tower", left.type)
    x = inner.chain(x, op("conv", 32, 5), op("relu"), op("maxpool", 2), op("flatten"), ("embed", op("linear", 128)))
    tower = end(inner, x)
    a, b = (body.one(tower, side, label="tower") for side in (left, right))
    x = body.chain(body.one(op("subtract"), a, b), op("tanh"), ("same", op("linear", 1)), op("sigmoid"))
    return finish(body, ("probability", x), ("left_features", a))


def deep() -> Network:
    """Equal blocks in a row, and a long sequence that is used twice."""
    body, (x,) = network("Deep", image(8, 16))
    inner, (y,) = block("unit", x.type)
    unit = end(
        inner, inner.chain(inner.one(op("add"), inner.chain(y, ("conv", op("conv", 8, 3, pad=1))), y), op("relu"))
    )
    inner, (y,) = block("stage", x.type, doc="Normalized twice.")
    stage = end(inner, inner.chain(y, op("conv", 8, 1), op("bn"), op("relu"), op("conv", 8, 1), op("bn"), op("relu")))
    x = body.chain(x, ("enter", stage), ("again", stage))
    x = body.group("units", x, *[unit] * 5, op("conv", 8, 3), op("relu"))
    return finish(body, body.chain(x, op("flatten"), ("fc", op("linear", 10))))


NETWORKS: dict[str, Callable[[], Network]] = {
    "vgg16": vgg16,
    "alexnet": two_towers,
    "resnet": lambda: resnet((2, 4)),
    "mlp": mlp,
    "lenet": lenet,
    "inception": inception,
    "siamese": siamese,
    "deep": deep,
}


WHOLE = {
    "convnext_tiny": "convnext.arch:ConvNeXtTiny",
    "densenet121": "densenet.arch:DenseNet121",
    "efficientnet_b0": "efficientnet.arch:EfficientNetB0",
    "googlenet": "googlenet.arch:GoogLeNet",
    "inception_v3": "inception_v3.arch:InceptionV3",
    "mobilenet_v2": "mobilenet_v2.arch:MobileNetV2",
    "mobilenet_v3_large": "mobilenet_v3.arch:MobileNetV3Large",
    "nasnet_a_mobile": "nasnet.arch:NASNetAMobile",
    "pyramidnet200_300": "pyramidnet.arch:PyramidNet200_300",
    "resnet50": "resnet.arch:ResNet50",
    "unet": "unet.arch:UNet",
    "vgg16": "vgg16.arch",
    "vit_b_16": "vit.arch:ViT_B16",
}
"""Networks whose generated files are read by people in every change."""


def ruff(folder: Path) -> str:
    """What ruff has to say about the files of a folder under the project's rules."""
    found = []
    for command in (["format", "--diff"], ["check", "--output-format", "concise"]):
        arguments = [
            sys.executable,
            "-m",
            "ruff",
            *command,
            "--no-cache",
            "--config",
            str(ROOT / "pyproject.toml"),
            ".",
        ]
        done = subprocess.run(arguments, cwd=folder, capture_output=True, encoding="utf-8", timeout=120)
        found.append(done.stdout + done.stderr if done.returncode else "")
    return "".join(found)


def docstrings(source: str) -> list[str | None]:
    """The docstrings of the file and of its classes, as Python reads them."""
    tree = ast.parse(source)
    return [ast.get_docstring(n, clean=False) for n in (tree, *tree.body) if isinstance(n, ast.Module | ast.ClassDef)]


def of_spec(target: str) -> Network:
    file, _, name = target.partition(":")
    spec = open_spec(ROOT / "specs" / file)
    found = spec.check(name or spec.networks[0]).network
    assert found is not None
    return found


@pytest.mark.parametrize("name", WHOLE)
def test_whole_networks_read_as_if_written_by_hand(name: str) -> None:
    assert_golden(f"pytorch/{name}.py", emit(of_spec(WHOLE[name])))


def test_a_network_for_inference_reads_so_too() -> None:
    assert_golden("pytorch/resnet50_inference.py", emit(of_spec(WHOLE["resnet50"]), inference=True))


@pytest.mark.parametrize("name", ["lenet", "siamese", "deep"])
def test_small_networks(name: str) -> None:
    assert_golden(f"pytorch/{name}.py", emit(NETWORKS[name]()))


def test_goldens_are_all_in_use() -> None:
    used = {*WHOLE, "resnet50_inference", "lenet", "siamese", "deep"}
    assert {path.stem for path in (ROOT / "tests/golden/pytorch").glob("*.py")} == used


def test_files_are_as_short_as_a_person_would_make_them() -> None:
    assert len(emit(vgg16()).splitlines()) <= 60
    for name, most in (("vgg16", 60), ("resnet50", 110), ("nasnet_a_mobile", 200)):
        assert (ROOT / f"tests/golden/pytorch/{name}.py").read_text("utf-8").count("\n") <= most


def test_ruff_would_change_nothing(tmp_path: Path) -> None:
    for name, build in NETWORKS.items():
        (tmp_path / f"{name}.py").write_text(emit(build()), "utf-8")
        (tmp_path / f"{name}_careful.py").write_text(source(build(), StorageFacts(frozenset())).text, "utf-8")
    for seed in range(60):
        (tmp_path / f"random{seed}.py").write_text(emit(random_network(seed, training=seed % 2 == 1)), "utf-8")
    assert ruff(tmp_path) == ""


def test_ruff_would_change_nothing_outside_the_zoo(tmp_path: Path) -> None:
    """Long formulas, many results and long calls are among these networks."""
    for file in sorted((ROOT / "tests/data/outside").glob("*.arch")):
        spec = open_spec(file)
        network = spec.check(spec.networks[0]).network
        assert network is not None
        (tmp_path / f"{file.stem}.py").write_text(emit(network), "utf-8")
    assert ruff(tmp_path) == ""


REGION = "(0 if %s // 4 < 12 else 1 if %s %% 8 < 4 else 2)"
BROKEN = {
    "comparison": f"""
network Net {{
  input x: [16, 16, 9]
  mask: constant([16, 16, 9], "0 if {REGION % ("i", "j")} == {REGION % ("i", "k")} and i > 3 else -100.0") as mask
  add {{ | x | mask }}
}}""",
    "turns": """
block bottleneck_with_squeeze_excitation(reduced, expanded, window) {
  add { | conv(reduced, 1x1) -> conv(expanded, window, pad=half) -> conv(160, 1x1) | in }
  if reduced > 90 { relu }
}
network Net {
  input x: [160, 4, 4]
  stage: {
    for i in 0..<4 { bottleneck_with_squeeze_excitation(96 if i % 2 == 0 else 24, 4800 + i % 2, 3 + 2 * (i % 2)) }
    relu
  }
}""",
    "alternatives": """
block lowered(wide, times) {
  for i in 0..<times { "{i}": { conv(wide, 3x3, stride=2, pad=1, bias=false) -> bn } }
}
block unit(wide, times) { add { | path: lowered(wide, times) | avgpool(2^times) -> conv(wide, 1x1) }; relu }
network Net {
  input x: [72, 8, 8]
  unit(72, 0) as y -> unit(8, 1) as a
  y -> conv(16, 1x1) -> unit(8, 1)
  add(a)
}""",
}


def test_ruff_would_change_nothing_in_what_is_too_long_for_a_line(tmp_path: Path) -> None:
    for name, text in BROKEN.items():
        source = written(text)
        assert max(map(len, source.splitlines())) <= 120
        (tmp_path / f"{name}.py").write_text(source, "utf-8")
    assert "\n" + " " * 24 + "== torch.where(" in (tmp_path / "comparison.py").read_text("utf-8")
    assert ruff(tmp_path) == ""


def test_a_list_of_layers_is_declared_once() -> None:
    """mypy refuses a second declaration of the same name."""
    source = written("""
block ghost(c, act = true) {
  a: { conv(c, 1x1, bias=false) -> bn; if act { relu } }
  b: { depthwise(3x3, pad=1, bias=false) -> bn; if act { relu } }
}
network Net { input x: [3, 8, 8]; ghost(8); ghost(8, false) }""")
    assert source.count("layers: list[nn.Module] = [") == 1 and source.count("layers = [") == 1


def test_buffers_have_a_type() -> None:
    """For mypy `self.table` is a tensor or a module, unless the class says which."""
    source = written("""
block masked(on = true) { linear(4); if on { add { | identity | table: constant([3, 4], "1.0 * i") } } }
network Net {
  input x: [3, 4]
  masked() -> masked(false) -> add { | identity | grid: constant([3, 4], "0.5 * j") } -> linear(4)
}""")
    assert "\n    table: Tensor | None\n" in source and "\n    grid: Tensor\n" in source


def test_outputs_hide_no_method_of_tuples() -> None:
    source = written("""
network Net {
  input x: [4]
  linear(4) as count -> linear(4) as index -> linear(4) as index_
  output count
  output index
  output index_
}""")
    assert "(NamedTuple):\n    count_: Tensor\n    index_: Tensor\n    index__2: Tensor\n" in source


def test_sections_of_a_split_are_a_list() -> None:
    """`torch.split` is annotated with `int | list[int]`."""
    source = written("""
block part(a, b) { split([a, b]) as x, y; add { | x -> conv(4, 1x1) | y -> conv(4, 1x1) } }
network Net { input x: [8, 4, 4]; part(5, 3) -> conv(6, 1x1) -> part(4, 2) }""")
    assert "torch.split(x, [self." in source and "torch.split(x, (" not in source


def written(text: str) -> str:
    spec = open_source(Source("net.arch", text), ROOT)
    network = spec.check("Net").network
    assert network is not None
    return emit(network)


def test_ruff_would_change_nothing_for_any_operator(tmp_path: Path) -> None:
    """Each operator's examples, as modules and as functions."""
    written = 0
    for name, kind in catalogue().items():
        for number, (call, operands, _) in enumerate(kind.examples):
            for label in ("layer", "0"):
                body, values = network("Net", *((f"in{i}", t) for i, t in enumerate(types_of(operands))))
                try:
                    found = body.each(op_of(call), *values, label=label)
                except Misfit as misfit:
                    raise AssertionError(f"{call} on {operands}") from misfit
                text = emit(finish(body, *((f"out{i}", v) for i, v in enumerate(found))))
                (tmp_path / f"{name}{number}{label}.py").write_text(text, "utf-8")
                written += 1
    assert written > 100
    assert ruff(tmp_path) == ""


@pytest.mark.parametrize("name", NETWORKS)
def test_the_source_needs_torch_alone(name: str) -> None:
    imported = set()
    for node in ast.walk(ast.parse(emit(NETWORKS[name]()))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    assert imported <= {"torch", "torch.nn.functional", "math", "typing", "collections"}


def test_the_source_is_always_the_same() -> None:
    texts = {emit(inception()) for _ in range(3)}
    program = "from tests.unit.test_emit import inception, emit; print(emit(inception()), end='')"
    assert texts == {printed(program, seed) for seed in (1, 2, 3)}


def test_emitting_does_not_import_torch() -> None:
    command = (
        "import sys; from archdsl.backends.pytorch import build, emit; from tests.support.build import vgg16;"
        "emit(vgg16()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def named(text: str) -> Network:
    """A network with a text wherever one can be: names, labels, taps, docs, outputs and sources."""
    body, (x, y) = network(text, (text, image(4, 4)), ("side", image(4, 4)), doc=text)
    inner, (v,) = block(text, x.type, doc=text)
    v = inner.one(CONV, v, label=text)
    v.tap = text
    unit = end(inner, v, inner.one(op("add"), v, v))
    a, b = body.each(unit, x, label=text)
    a.tap = text
    c = body.group(f"{text}_", a, (text, CONV), op("relu"), op("conv", 2, 1))
    d = body.one(op("concat"), a, b, c, y)
    net = finish(body, (text, d), (f"{text}2", a), source=text)
    return net._replace(name=text, sources=(text, text))


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_text_stays_text(text: str, tmp_path: Path) -> None:
    source = emit(named(text))
    compile(source, "generated.py", "exec")
    calls = {ast.unparse(n.func) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call)}
    assert "str" not in calls
    assert not {c for c in source if not c.isprintable()} - {"\n"}
    assert len(source.splitlines()) == source.count("\n"), "no line ends that only some tools see"
    (tmp_path / "generated.py").write_text(source, "utf-8")
    too_long = len(text) > 80 or text.count(" ") > 50
    assert ruff(tmp_path) == "" or too_long


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_docs_say_what_the_spec_says(text: str) -> None:
    body, (x,) = network("Net", image(4, 4), doc=text)
    found = docstrings(emit(finish(body, body.one(CONV, x, label="conv"))))[1]
    words = text.expandtabs(4).split()
    assert (found or "").split() == words


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.one_of(st.sampled_from('"\\\n #{}'), st.characters()), max_size=150))
def test_any_text_compiles(text: str) -> None:
    assume(not text.isdigit())  # a number as a label would meet the numbers that unlabelled layers have
    source = emit(named(text))
    compile(source, "generated.py", "exec")
    assert len(source.splitlines()) == source.count("\n")


@pytest.mark.parametrize(
    "name",
    [
        *kwlist,
        *dir(builtins),
        *("self", "torch", "nn", "F", "Tensor", "math", "x", "y", "_", "__x", "__init__", "NetOutput"),
    ],
)
def test_a_name_of_the_language_hides_nothing(name: str) -> None:
    source = emit(named(name))
    tree = ast.parse(source)
    used = {"torch", "nn", "F", "Tensor", "NamedTuple", "super"}
    bound = {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
    bound |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)} - {"self"}
    bound |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    assert not bound & used and not bound & (set(dir(builtins)) - {"_"})


def test_no_variable_looks_like_a_digit(tmp_path: Path) -> None:
    body, (l_shaped,) = network("Net", ("l", image(4, 4)))
    x = body.one(CONV, l_shaped)
    x.tap = "l"
    body.one(op("add"), x, body.one(op("relu"), x))
    (tmp_path / "generated.py").write_text(emit(finish(body, ("l", body.one(op("add"), x, x)), ("out", x))), "utf-8")
    assert ruff(tmp_path) == ""


def test_a_child_never_hides_an_attribute_of_the_module() -> None:
    for name in sorted(MODULE_ATTRIBUTES):
        source = emit(sequence((name, CONV), op("relu"), (f"{name}_", CONV), input=image(4, 4)))
        assert f"self.{name} = " not in source and f'"{name}"' not in source
        assert source.count("nn.Conv2d") == 2


def test_paths_that_are_no_identifiers_stay_paths() -> None:
    body, (x,) = network("Net", image(4, 4))
    y = body.chain(x, ("part-0", CONV), ("größe", CONV), ("class", CONV), op("conv", 4, 1))
    source = emit(finish(body, body.one(op("add"), y, x)))
    for name in ('"part-0"', '"gr\\xf6\\xdfe"', '"class"', '"0"'):
        assert f"self[{name}] = nn.Conv2d(4, 4, 1)" in source
        assert f"= self[{name}](" in source


def test_names_of_classes_of_the_file_are_kept_apart() -> None:
    """A network called as the class of one of its operators, a block called as the network."""
    body, (x,) = network("Subsample", image(4, 8))
    inner, (y,) = block("subsample", x.type)
    unit = end(inner, inner.one(op("add"), inner.chain(y, ("conv", CONV)), y))
    source = emit(finish(body, body.chain(x, ("a", unit), ("pool", op("subsample", 2)))))
    names = [n.name for n in ast.parse(source).body if isinstance(n, ast.ClassDef)]
    assert len(names) == len(set(names)) == 3


def test_values_keep_the_names_that_python_has_for_something_else() -> None:
    body, (x,) = network("Net", image(3, 4))
    parts = body.each(op("split", 3), x)
    for part, tap in zip(parts, ("i", "lambda", "sum"), strict=True):
        part.tap = tap
    source = emit(finish(body, body.one(op("concat"), *(body.one(op("conv", 2, 1), p) for p in parts[::-1]))))
    assert "i_, lambda_, sum_ = torch.chunk(x, 3, dim=1)" in source


def test_a_shared_instance_is_one_attribute() -> None:
    source = emit(siamese())
    assert source.count("self.tower = ") == 1 and source.count("self.tower(") == 2


def test_a_shared_instance_with_two_pieces_of_code_is_refused() -> None:
    body, (x,) = network("Net", image(4, 8))
    a = body.one(op("conv", 4, 1), x, label="shared")
    b = body.one(op("conv", 4, 3, pad=1), a, label="shared")
    with pytest.raises(ValueError, match="shared instance `shared`"):
        emit(finish(body, b))


def test_equal_groups_are_one_class_whatever_their_sizes() -> None:
    body, (x,) = network("Net", image(4, 16))
    layers = (("conv", op("conv", 4, 3, pad=1)), op("relu"), op("maxpool", 2), ("bn", op("bn")))
    for i in range(3):
        x = body.group(f"stage{i}", x, *layers)
    source = emit(finish(body, x))
    assert source.count("class ") == 2 and source.count("Stage()") == 3
    assert "[4, 8, 8]" not in source.split("class Net")[0], "a size that is true of one use only"


def test_a_long_row_of_equal_blocks_stays_short() -> None:
    body, (x,) = network("Net", image(4, 8))
    inner, (y,) = block("unit", x.type)
    unit = end(inner, inner.one(op("add"), inner.chain(y, ("conv", CONV)), y))
    source = emit(finish(body, body.group("units", x, *[unit] * 10_000)))
    assert "self.units = nn.Sequential(*[Unit() for _ in range(10000)])" in source


def test_a_row_of_equal_parts_with_keys_is_a_loop() -> None:
    body, (x,) = network("Net", image(4, 8))
    memory = body.one(CONV, x, label="memory")
    layer, (y, read) = block("layer", x.type, x.type)
    unit = end(layer, layer.one(CONV, layer.one(op("add"), y, read)))
    stack, (z, kept) = block("stack", x.type, x.type)
    for number in range(6):
        z = stack.one(unit, z, kept, label=str(number))
    source = emit(finish(body, body.one(end(stack, z), x, memory, label="stack")))
    assert "for i in range(6):\n            self[str(i)] = Layer()\n" in source
    assert "for i in range(6):\n            x = self[str(i)](x, y)\n        return x\n" in source


def test_deep_nesting_stays_readable() -> None:
    body, (x,) = network("Net", image(4, 8))
    inside: list[Module] = []
    for depth in range(150):
        inner, (y,) = block(f"level{depth}", x.type)
        inside = [end(inner, inner.chain(y, CONV, *inside))]
    source = emit(finish(body, body.one(inside[0], x, label="deepest")))
    assert source.count("nn.Conv2d") == 150
    assert max(len(line) - len(line.lstrip()) for line in source.splitlines()) <= 8 + 4 * 4


def test_a_network_without_layers() -> None:
    body, (x,) = network("Nothing", image(4, 4))
    assert "return x" in emit(finish(body, x))


def test_a_call_that_gives_nothing_takes_what_is_made_for_it() -> None:
    body, (x,) = network("Net", image(4, 4))
    nothing, (inner,) = block("nothing", image(4, 4))
    nothing.one(op("relu"), inner)
    body.each(end(nothing), body.one(op("log_softmax", 0), x), label="after")
    assert "self.after(F.log_softmax(x, dim=1))" in emit(finish(body, body.one(op("flatten"), x)))


def test_a_tensor_that_nobody_reads_is_in_the_state_dict_all_the_same() -> None:
    body, (x,) = network("Net", image(4, 4))
    y = body.one(CONV, x)
    body.one(op("parameter", (3,)), label="unread")
    assert "self.unread = nn.Parameter(" in emit(finish(body, body.one(CONV, y)))


def test_outputs_are_fields() -> None:
    body, (x,) = network("Net", image(4, 4))
    y = body.one(CONV, x, label="conv")
    net = finish(body, ("a", y), ("b", y))
    outputs = (*net.outputs[:1], Output("a", net.outputs[1].value))
    assert ast.parse(emit(net._replace(outputs=outputs)))


def of_text(text: str) -> Network:
    found = open_source(Source("test.arch", text), ROOT).check("N").network
    assert found is not None
    return found


def test_a_comment_says_the_type_of_every_result() -> None:
    text = emit(
        of_text("""
            block cell { linear(4) as a; in -> linear(6) as b; in -> linear(6) as c; return a, b, c }
            network N { input x: [8]; cell as a, b, c; concat { | a | b | c } }
        """)
    )
    assert 'a, b, c = self["0"](x)  # [4], [6], [6]' in text


def test_what_only_its_sizes_are_asked_of_is_no_statement() -> None:
    text = emit(
        of_text("""
            network N {
              input x: [16, 8]
              x -> slice(1) as skip
              x -> slice(0, skip.shape[0]) -> linear(4)
            }
        """)
    )
    assert "del" not in text and "1:" not in text and "x = x[:, :15]" in text


def test_an_abbreviation_ends_no_sentence() -> None:
    doc = (
        "A unit of DeBERTa: He et al. 2021, disentangled attention (equation 4), whose positions have their own. More."
    )
    text = emit(
        of_text(f"""
            ## {doc} {doc}
            block unit {{ add {{ | in | linear(8) -> relu }} }}
            network N {{ input x: [8]; u: unit }}
        """)
    )
    assert "et al. 2021, disentangled" in text


def test_many_values_without_a_name_are_numbered() -> None:
    """Four are `x, y, z, w`; where `x0` stands for something, the next many are `y0` and so on."""
    spec = """
        block paired { for v in in { in[0] -> linear(4) -> multiply(v) as pairs[] }; return pairs }
        network N { input x: [COUNT]; split(PARTS, axis=0) -> a: paired -> b: paired -> concat -> linear(4) }
    """
    few, many = (of_text(spec.replace("COUNT", str(4 * n)).replace("PARTS", str(n))) for n in (4, 5))
    assert "def forward(self, x: Tensor, y: Tensor, z: Tensor, w: Tensor)" in emit(few)
    text = emit(many)
    assert "x0: Tensor, x1: Tensor, x2: Tensor, x3: Tensor, x4: Tensor" in text
    assert "y0, y1, y2, y3, y4 = self.a(x0, x1, x2, x3, x4)\n        del x0, x1, x2, x3, x4\n" in text
    assert "x0, x1, x2, x3, x4 = self.b(y0, y1, y2, y3, y4)\n" in text
