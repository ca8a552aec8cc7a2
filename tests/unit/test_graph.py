"""The graph: what it shares, what its text holds, and that the text reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archdsl.backends.pytorch import emit
from archdsl.ir import (
    GraphTextError,
    Module,
    Network,
    Node,
    Operation,
    Size,
    TensorType,
    flatten,
    modules,
    print_network,
    read_network,
)
from archdsl.ops import find
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source

SPECS = Path(__file__).parents[2] / "specs"

RESIDUAL = """
block unit(width, stride = 1) {
  add {
    | conv1: conv(width, 3x3, stride, pad=1) -> relu
      conv2: conv(width, 3x3, pad=1)
    | if stride != 1 or in.channels != width { down: conv(width, 1x1, stride) }
  }
  relu
}
network Net {
  input image: [3, 16, 16]
  "stem \\u00e9": conv(8, 3x3, pad=1) as x      ## the stem
  repeat 3 { unit(8) }
  unit(16, 2)
  side: { conv(4, 1x1) as left -> conv(4, 1x1) }
  add { | identity | left }
  training { output aux = conv(2, 1x1) }
  flatten -> linear(10)
  output logits
  source "nobody \\"et al.\\""
}
"""


def network(text: str, name: str = "Net") -> Network:
    spec = open_source(Source("net.arch", text), Path())
    checked = spec.check(name)
    assert checked.network is not None, (spec.problems, checked.problems)
    return checked.network


def calls(module: Module) -> list[Node]:
    return [n for n in module.nodes if isinstance(n.operator, Module)]


def test_equal_instances_are_one_module() -> None:
    net = network(RESIDUAL)
    units = [n.operator for n in calls(net.body) if n.operator.name == "unit"]
    assert len(units) == 4
    assert units[0] is units[1] is units[2]
    assert units[3] is not units[0]


def test_equal_instances_are_one_module_in_all_networks_of_a_file() -> None:
    spec = open_source(
        Source("net.arch", RESIDUAL.replace("network Net {", "network Net(n = 1) {") + "network Twin = Net(2)"), Path()
    )
    first, second = (spec.check(name).network for name in ("Net", "Twin"))
    assert first is not None and second is not None
    assert {id(m) for m in modules(first)} & {id(m) for m in modules(second)}


def test_a_module_refers_to_nothing_outside_itself() -> None:
    for module in modules(network(RESIDUAL)):
        known = set(module.inputs)
        for node in module.nodes:
            assert set(node.operands) <= known
            known |= set(node.results)
        assert set(module.outputs) <= known


def test_every_node_carries_its_origin() -> None:
    for module in modules(network(RESIDUAL)):
        for node in module.nodes:
            assert node.origin.span.source.path == "net.arch"
            assert node.origin.span.text


def test_inlined_calls_are_remembered() -> None:
    net = open_spec(SPECS / "vgg16.arch").check("VGG16").network
    assert net is not None
    frames = [layer.node.origin.frames for layer in flatten(net).layers if layer.path == "features.5"]
    assert [frame.text for frame in frames[0]] == ["stage(128, [3, 3])"]


def labels(net: Network) -> list[str]:
    return [node.name for module in modules(net) for node in module.nodes if node.origin.is_labelled]


def test_text_with_every_feature_reads_back() -> None:
    made = network(RESIDUAL)
    text = print_network(made)
    again = read_network(text, find)
    assert labels(again) == labels(made) != []
    assert print_network(again) == text
    assert [o.name for o in again.outputs] == ["aux", "logits"]
    assert [o.training for o in again.outputs] == [True, False]
    assert again.sources == ('nobody "et al."',)


def test_the_axis_of_channels_and_the_conditions_of_branches_read_back() -> None:
    """They decide what reads `in.channels`, how axes are called, and what a drawing says of a branch."""
    text = """
    network Net(deep = true) {
      input image: [3, 8, 8]
      if deep { conv(4, 3x3) -> side: { permute([1, 2, 0]) } }
      linear(5)
    }
    """
    built = network(text)
    printed = print_network(built)
    again = read_network(printed, find)
    assert print_network(again) == printed
    axes, conditions = (
        [[of(node) for module in modules(net) for node in module.nodes] for net in (built, again)]
        for of in (lambda node: node.results[0].channels, lambda node: node.origin.condition)
    )
    assert axes == [[2, 0, 2, 2]] * 2
    assert conditions == [["", "if deep", "if deep", ""]] * 2


OPEN = """
network Net {
  input image: [3, H, W]
  input mask: bool [H]
  where H % 16 == 12 or not (H == W) and H >= 100
  image -> conv(8, 3x3, stride=2, pad=1) as small
  reshape([4, 2 * small.height, small.width])
}
"""


def test_what_code_says_of_a_spec_reads_back() -> None:
    """Conditions, arithmetic and the names of layers are in the graph: code needs no text of the spec."""
    text = """
    inline block shortcut(width, step) { if step != 1 { conv(width, 1x1, stride=step) } }
    block unit(width, stride, act: layer) {
      let middle = width // 4
      add {
        | conv(middle, 1x1) -> act -> conv(width, 3x3, stride, pad=1, bias=in.channels == width)
        | conv(width, 1x1) -> shortcut(width, stride)
      }
    }
    network Net {
      input image: [16, 16, 16]
      unit(16, 1, relu) -> unit(24, 2, relu) -> unit(24, 1, relu) -> unit(64, 1, prelu)
    }
    """
    built = network(text)
    code = emit(built)
    assert "if stride != 1" in code and "width // 4" in code and "bias=in_channels == width" in code
    assert emit(read_network(print_network(built), find)) == code


@pytest.mark.parametrize("expression", [" + ".join(["a"] * 100), "in.channels"])
def test_a_declaration_that_doubles_or_is_deep_stays_small_in_the_graph(expression: str) -> None:
    doubled = "\n".join(f"let x{i + 1} = x{i} + x{i}" for i in range(60))
    block = f"block b(a) {{\n let x0 = {expression}\n {doubled}\n conv(a, 1x1, bias=x60 > 1)\n }}"
    built = network(f"network Net {{\n input i: [3, 8, 8]\n b(4)\n }}\n{block}")
    assert len(print_network(built)) < 10_000


@pytest.mark.parametrize("argument", ["k", "k + {}"])
def test_a_declaration_that_is_broad_stays_small_in_the_graph(argument: str) -> None:
    """An inlined block is read once for equal arguments, and what is told of a declaration has an end."""
    inner = "\n".join(f"conv(a * {i}, 1x1)" for i in range(2, 200))
    calls = "\n".join(f"inl({argument.format(i)})" for i in range(200))
    blocks = f"inline block inl(a) {{\n {inner}\n }}\nblock b(k) {{\n if k > 100 {{\n {calls}\n }}\n relu\n }}"
    built = network(f"network Net {{\n input i: [3, 8, 8]\n b(3)\n }}\n{blocks}")
    assert len(print_network(built)) < 40_000


def test_blocks_that_inline_themselves_have_an_end_in_the_graph() -> None:
    block = "inline block f(n) {\n if n > 0 { f(n - 1) -> f(n - 2) -> f(n // 2) }\n relu\n }\nblock b(k) { f(k) }"
    built = network(f"network Net {{\n input i: [3, 8, 8]\n b(1)\n }}\n{block}")
    assert len(print_network(built)) < 40_000


def test_what_a_block_asks_is_told_apart_and_of_its_own_names() -> None:
    """1 and true are two values; a default is read in the block that has it, at any depth of inlining."""
    text = """
    inline block pad(n, twice = n * 2) { if twice == 8 { relu } }
    inline block outer(n) { pad(n + 1) }
    block unit(x, n) {
      if x == 1 { relu }
      if x == true { relu }
      outer(x)
    }
    network Net {
      input image: [16, 16, 16]
      unit(1, 5)
    }
    """
    (call,) = calls(network(text).body)
    assert isinstance(call.operator, Module)
    asked = [o for o in call.operator.operations if o.operator == "=="]
    assert [[o.value({"x": x, "n": 5}, {}) for x in (1, True, 3)] for o in asked] == [
        [True, False, False],
        [False, True, False],
        [False, None, True],
    ]


@pytest.mark.parametrize("sign", ["<", ">=", "+", "*", "//", "%"])
@pytest.mark.parametrize("value", ["text", "%d", (3, 3), True, (1, "a")])
def test_only_numbers_are_ordered_and_reckoned_with(sign: str, value: Any) -> None:
    parameters = [Operation("parameter", (name,)) for name in ("a", "b")]
    for a, b in ((value, value), (value, 2), (2, value)):
        assert Operation(sign, tuple(parameters)).value({"a": a, "b": b}, {}) is None


def test_open_sizes_read_back() -> None:
    """With what is stated of them, and in attributes too."""
    checked = open_source(Source("net.arch", OPEN), Path()).check("Net")
    assert checked.formulas is not None and checked.formulas.network is not None, checked.problems
    printed = print_network(checked.formulas.network)
    assert 'sizes {"H": ' in printed and "\nwhere or(" in printed and '{"=": ' in printed
    again = read_network(printed, find)
    assert print_network(again) == printed
    size = again.outputs[0].value.type.shape[1]
    assert isinstance(size, Size) and size.at({"H": 44, "W": 30}) == 44


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(H + 1)//2", "(H + 1)//3"),
        ("(H + 1)//2", "(K + 1)//2"),
        ("H, W]", "H W]"),
        (" >= 0", " > 0"),
        ("where or(", "where nor("),
    ],
)
def test_open_sizes_that_do_not_hold_together_are_refused(old: str, new: str) -> None:
    checked = open_source(Source("net.arch", OPEN), Path()).check("Net")
    assert checked.formulas is not None and checked.formulas.network is not None
    printed = print_network(checked.formulas.network)
    assert old in printed
    with pytest.raises(GraphTextError, match=r"^line \d+: "):
        read_network(printed.replace(old, new, 1), find)


def test_reading_shares_what_was_shared() -> None:
    again = read_network(print_network(network(RESIDUAL)), find)
    units = [n.operator for n in calls(again.body) if n.operator.name == "unit"]
    assert units[0] is units[1] is units[2]


def test_a_module_is_called_by_what_all_its_calls_have_in_common() -> None:
    """Not by its tensors, which are others each time."""
    text = """
    block cell(h: tensor, width, f: layer) { add { | in | h } -> linear(width) -> f }
    network Net {
      input x: [4]
      relu -> cell(x, width=4, f=tanh) as y
      x -> cell(y, 4, tanh)
    }
    """
    modules = {n.operator for n in calls(network(text).body)}
    assert [(m.text, m.arguments) for m in modules if isinstance(m, Module)] == [
        ("cell(width=4, f=tanh)", (("width", "4"), ("f", "tanh")))
    ]


def test_a_shared_instance_stands_where_it_is_declared() -> None:
    """In the text of the graph too; one that nothing uses leaves no trace."""
    text = """
    network Net {
      input image: [3, 8, 8]
      first: conv(3, 1x1)
      shared twice = conv(3, 1x1)
      shared never = conv(3, 1x1)
      shared once = { conv(3, 1x1) }
      second: conv(3, 1x1)
      once -> twice -> twice
    }
    """
    printed = print_network(network(text))
    again = read_network(printed, find)
    assert print_network(again) == printed
    assert [node.name for node in again.body.members()] == ["first", "twice", "once", "second"]
    assert [node.name for node in again.body.instances()] == ["first", "second", "once", "twice"]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[10]", "[11]", "linear"),
        ('"features": 10', '"features": 10.5', "linear"),
        ("linear", "lineal", "linear"),
        ("-> %", "-> %99", "->"),
        (" = relu", " = relu relu", "relu"),
    ],
)
def test_text_that_does_not_hold_together_is_refused(old: str, new: str, line: str) -> None:
    text = print_network(network(RESIDUAL))
    changed = next(number for number, read in enumerate(text.splitlines(), 1) if old in read and line in read)
    lines = text.splitlines()
    lines[changed - 1] = lines[changed - 1].replace(old, new)
    with pytest.raises(GraphTextError, match=rf"^line {changed}: "):
        read_network("\n".join(lines), find)


def test_empty_text_is_refused() -> None:
    with pytest.raises(GraphTextError, match="no network"):
        read_network("", find)


def test_numbers_without_an_axis_go_through_layers() -> None:
    text = "network N { input scores: [8]\n argmax(-1) -> identity -> cast(float32) -> sigmoid }"
    net = open_source(Source("numbers.arch", text), Path()).check("N").network
    assert net is not None
    assert net.outputs[0].value.type == TensorType(())
