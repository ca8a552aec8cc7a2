"""Lints: the examples in their files, `allow`, and what the examples do not show."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from archdsl.lints import codes, lints
from archdsl.pipeline import Spec, open_source, open_spec
from archdsl.source import Diagnostic, Source

SPECS = Path(__file__).parents[2] / "specs"

PLACES = {
    "bias-before-norm": ("conv(4, 3x3)", "linear(16)"),
    "channels-last": ("conv(8, 3x3)", "conv(8, 3x3)", "conv(8, 3x3)", "conv(4, 3)", "maxpool(2x2)", "conv(8, 3x3)"),
    "channels-behind": ("[224, 224, 3]", "[28, 28, 1]"),
    "checkerboard": ("conv_transpose(4, 3x3, stride=2)", "conv_transpose(4, 5x5, stride=3)"),
    "hidden-operator": ("relu", "half", "split"),
    "ignored-input": ("y", "y", "z"),
    "in-of-network": ("in", "in", "in", "in"),
    "joined-twice": ("add(a, b)", "concat(x, y)"),
    "linear-on-map": ("linear(10)", "linear(10)"),
    "misnamed-output": ("y", "y"),
    "odd-channels": ("conv(12, 8x8)", "linear(300)"),
    "relu-after-relu": ("relu", "relu"),
    "small-field": ("conv(8, 3x3)", "conv(2, 1x1)"),
    "single-arm": ("add", "concat"),
    "softmax-before-loss": ("softmax",),
    "unknown-code": ("unread-row", "claim-fails"),
    "unlabelled-weights": ("linear(8)", "unit", "linear(8)"),
    "unreachable-value": ("relu", "linear(16)", "unit", "pair", "relu", 'constant([8], "i")'),
    "unread-rows": ("conv(96, 11x11, stride=4)", "conv(1, 3x3, stride=3)", "maxpool(3)", "maxpool(5)"),
    "unused-allow": ('allow unread-rows "as shown"',) * 3,
    "unused-block": ("unit", "tree"),
    "unused-import": ("basic", "unit"),
    "unused-let": ("width", "width", "head", "width"),
    "unused-parameter": ("stride = 1", "classes"),
    "unused-tap": ("skip", "right", "maps[]", "small"),
    "window-product": ("3*3", "2*2"),
}
"""What each lint points at in the examples that it rejects."""

ACCEPTED = [(lint, text) for lint in lints() for text in lint.ACCEPTED]
REJECTED = [
    (lint, text, place) for lint in lints() for text, place in zip(lint.REJECTED, PLACES[lint.KIND.code], strict=True)
]


def found_in(spec: Spec, *, info: bool = False) -> list[Diagnostic]:
    return spec.findings([spec.check(name) for name in spec.networks], info=info)


def found(text: str, *, info: bool = False) -> list[Diagnostic]:
    return found_in(open_source(Source("a.arch", text), Path()), info=info)


def summary(text: str, *, info: bool = False) -> list[tuple[str, str]]:
    """Codes and the text that they point at."""
    return [(d.code, d.primary.span.text) for d in found(text, info=info) if d.primary is not None]


def network(*body: str) -> str:
    """A network on small images with these statements."""
    return "\n".join(["network A {", "  input image: [3, 9, 9]", *(f"  {line}" for line in body), "}"])


@pytest.mark.parametrize(("lint", "text"), ACCEPTED, ids=lambda v: v.KIND.code if isinstance(v, ModuleType) else "")
def test_accepted_examples_are_clean_of_all_lints(lint: ModuleType, text: str) -> None:
    assert found(text, info=lint.KIND.severity == "info") == []


@pytest.mark.parametrize(
    ("lint", "text", "place"), REJECTED, ids=lambda v: v.KIND.code if isinstance(v, ModuleType) else ""
)
def test_rejected_examples_are_found_by_their_lint_alone(lint: ModuleType, text: str, place: str) -> None:
    (diagnostic,) = found(text, info=lint.KIND.severity == "info")
    assert diagnostic.kind == lint.KIND
    assert diagnostic.primary is not None
    assert diagnostic.primary.span.text == place
    assert diagnostic.primary.text and len(diagnostic.message) <= 100


def test_a_lint_is_a_file_of_its_name() -> None:
    assert [lint.KIND.code for lint in lints()] == list(codes()) == sorted(PLACES)


@pytest.mark.parametrize("spec", sorted(SPECS.glob("*.arch")), ids=lambda path: path.stem)
def test_bundled_specs_are_clean(spec: Path) -> None:
    assert [d.message for d in found_in(open_spec(spec))] == []


def test_hints_are_found_when_asked_for() -> None:
    text = network("conv(12, 3x3) -> relu -> flatten", "linear(10) -> softmax")
    assert summary(text) == []
    assert {code for code, _ in summary(text, info=True)} == {"odd-channels", "small-field", "softmax-before-loss"}


def test_a_place_that_is_built_many_times_is_reported_once_with_the_count() -> None:
    (diagnostic,) = found(network("repeat 3 { conv(3, 3x3, pad=1) -> bn -> relu }"))
    assert diagnostic.message == "the bias of `0` has no effect"
    assert diagnostic.notes == ("the same is found 3 times at this place; shown is the first",)


@pytest.mark.parametrize(
    ("layers", "expected"), [("conv(3, 1x1) -> bn", ["bias-before-norm"]), ("relu", ["relu-after-relu"]), ("tanh", [])]
)
def test_blocks_that_double_cost_no_more_than_their_text(layers: str, expected: list[str]) -> None:
    """24 levels are 16,777,216 calls of the innermost block."""
    blocks = [f"block b{level} {{ add {{ | b{level - 1} | b{level - 1} }} }}\n" for level in range(1, 25)]
    spec = open_source(
        Source("a.arch", f"block b0 {{ {layers} }}\n{''.join(blocks)}{network('sigmoid -> b24')}"), Path()
    )
    assert [d.code for d in spec.check("A").problems] == expected


# `allow`

STRIDED = "conv(4, 4x4, stride=4)"


@pytest.mark.parametrize(
    "body",
    [
        ['allow unread-rows "why"', STRIDED],
        [f'{STRIDED} allow unread-rows "why"'],
        [f'allow unread-rows "why"; {STRIDED}'],
        ['allow unread-rows "why"', 'allow unread-rows "twice"', STRIDED],
        ['allow unread-rows "why"', "repeat 1 {", f"  if true {{ {STRIDED} }}", "}"],
        ['allow unread-rows "why"', f"features: {{ {STRIDED} }}"],
        ["concat {", f'  | {STRIDED} allow unread-rows "why"', f'  | {STRIDED} allow unread-rows "why"', "}"],
        [
            "concat {",
            "  | maxpool(3x3, stride=3) -> conv(1, 3x3)",
            '  allow unread-rows "why"',
            f"  | {STRIDED} -> avgpool(global)",
            "}",
        ],
    ],
)
def test_allow_holds_for_the_statement_after_it_or_on_its_line(body: list[str]) -> None:
    assert summary(network(*body)) == []


@pytest.mark.parametrize(
    "body",
    [
        [STRIDED, 'allow unread-rows "too late"'],
        ['allow unread-rows "ends before it"', "relu", STRIDED],
        ['allow linear-on-map "another one"', STRIDED],
    ],
)
def test_allow_elsewhere_silences_nothing(body: list[str]) -> None:
    assert sorted(code for code, _ in summary(network(*body))) == ["unread-rows", "unused-allow"]


@pytest.mark.parametrize(
    ("call", "help"),
    [
        ("conv(3, 16, 3x3)", "for 16 channels write `conv(16, 3x3)`: those of the input are read off it"),
        ("conv(4, 16, 3x3)", "sizes that tile exactly: 28, 31, 34"),
    ],
)
def test_input_channels_among_the_arguments_are_told_where_windows_do_not_tile(call: str, help: str) -> None:
    (warning,) = found(f"network A {{ input image: [3, 32, 32]; {call} }}")
    assert warning.code == "unread-rows" and warning.helps[0] == help


def test_allow_holds_for_a_whole_declaration() -> None:
    block = f"block unit {{ {STRIDED} }}\n"
    assert summary(f'allow unread-rows "why"\n{block}{network("unit")}') == []
    assert summary(f'{block}allow unread-rows "why"\n{network("unit")}') == [
        ("unread-rows", STRIDED),
        ("unused-allow", 'allow unread-rows "why"'),
    ]
    assert summary('allow unused-block "for others"\nblock unit { relu }\n' + network("relu")) == []


def test_the_inner_and_the_outer_allow_are_both_needed() -> None:
    body = ['allow unread-rows "inner"', f"{STRIDED} as y", f"image -> {STRIDED} -> add(y)"]
    assert summary(f'allow unread-rows "outer"\n{network(*body)}') == []


def test_allow_in_an_imported_file_holds_and_is_judged_there_alone(tmp_path: Path) -> None:
    (tmp_path / "parts.arch").write_text(
        f'allow unread-rows "why"\nblock unit {{ {STRIDED} }}\nblock other {{ relu allow unread-rows "nothing" }}\n'
    )
    (tmp_path / "a.arch").write_text(f'import unit from "parts.arch"\n{network("unit")}\n')
    assert found_in(open_spec(tmp_path / "a.arch")) == []
    assert found_in(open_spec(tmp_path / "parts.arch")) == []


def test_allow_of_what_was_not_built_is_not_judged() -> None:
    template = 'network T(size) {\n  input x: [size]\n  linear(8) allow linear-on-map "for maps"\n}\n'
    assert summary(template) == []
    assert summary(template + network("relu")) == []
    assert [code for code, _ in summary(template + "network B = T(4)\n")] == ["unused-allow"]
    broken = network("conv(4, 99x99)", 'relu allow relu-after-relu "why"')
    assert [code for code, _ in summary(broken)] == ["window-too-large"]


def test_allow_of_a_hint_is_judged_when_hints_are_asked_for() -> None:
    text = network('conv(8, 9x9) allow odd-channels "as published"')
    assert summary(text) == []
    assert summary(text, info=True) == [("unused-allow", 'allow odd-channels "as published"')]
    assert summary(network('allow small-field "textures"', "conv(8, 3x3)"), info=True) == []


def test_one_network_of_a_file_does_not_judge_what_others_need() -> None:
    spec = open_source(
        Source("a.arch", network(f'{STRIDED} allow unread-rows "why"') + "\n" + network("relu").replace("A", "B")),
        Path(),
    )
    assert spec.findings([spec.check("B")]) == []


# The lints of the text


def test_lints_of_the_text_work_for_templates() -> None:
    template = "network T(n, spare) {\n  input x: [n]\n  linear(n) as y\n}\n"
    assert summary(template) == [("unused-parameter", "spare"), ("unused-tap", "y")]


def test_what_is_unused_in_a_broken_network_is_not_told() -> None:
    assert summary(network("conv(4, 99x99) as y")) == [("window-too-large", "99x99")]


def test_a_misspelt_name_is_not_unused() -> None:
    assert [code for code, _ in summary(network("relu as skip", "relu -> add(skp)"))] == ["unknown-name"]
    block = "block unit(channels) { conv(chanels, 3x3) }\n"
    assert [code for code, _ in summary(block + network("unit(4)"))] == ["unknown-name"]
    assert [code for code, _ in summary(block.replace("chanels", "channels") + network("unti(4)"))] == ["unknown-name"]


def test_a_claim_that_is_not_decided_may_mean_all_but_blocks() -> None:
    block = "block spare { relu }\n"
    body = ("relu as skip", "conv(4, 3x3)", "output y")
    undecided = [code for code, _ in summary(block + network(*body, "expect shape(skpi) == [3, 9, 9]"))]
    assert undecided == ["unknown-path", "unused-block"]
    failing = [code for code, _ in summary(block + network(*body, "expect shape(y) == [3, 9, 9]"))]
    assert failing == ["claim-fails", "unused-block", "unused-tap"]


@pytest.mark.parametrize(
    "text",
    [
        network("relu as y", "if y.channels == 3 { relu }"),
        network("relu as y", "let c = y.channels", "conv(c, 3x3)"),
        network("relu as ys[]", "ys -> concat"),
        network("relu as y", "output out = y"),
        network("relu as y", "expect params == y.channels - 3"),
        "block unit(n) { where n > 0; relu }\n" + network("unit(1)"),
        "block unit(n, m = n) { conv(m, 1x1) }\n" + network("unit(1)"),
        "block unit(skip: tensor) { add(skip) }\n" + network("image -> unit(image)"),
        'block unit(n) { "conv{2 * n}": conv(4, 1x1) }\n' + network("unit(1)"),
        "block unit { relu }\ndefault outer(layer=unit)\nblock outer(layer: layer) { layer }\n" + network("outer"),
        "block unit { relu }\nblock outer(layer: layer = unit) { layer }\n" + network("outer"),
        "block unit { relu }\n" + network("shared twice = unit", "twice -> twice"),
    ],
)
def test_names_are_used_in_many_ways(text: str) -> None:
    unused = ("unused-tap", "unused-parameter", "unused-block")
    assert [code for code, _ in summary(text) if code in unused or code == "unknown-name"] == []


def test_a_tap_is_known_in_its_own_block_alone() -> None:
    text = "block one { relu as y -> relu6 }\nblock two { relu as y -> add(y) }\n" + network("one -> two")
    assert ("unused-tap", "y") in summary(text)
    assert len([code for code, _ in summary(text) if code == "unused-tap"]) == 1


@pytest.mark.parametrize(
    "text",
    [network("for half in 0..1 { relu6 }"), network("shared bn = relu6", "bn"), 'import a as conv from "b.arch"'],
)
def test_every_kind_of_name_can_hide_an_operator(text: str) -> None:
    assert "hidden-operator" in [code for code, _ in summary(text)]


def test_a_datum_hides_no_operator() -> None:
    text = "block unit(pad, scale: float) { conv(4, 3x3, pad=pad) -> multiply(scale) }\n"
    assert "hidden-operator" not in [
        code for code, _ in summary(text + network("for split in 0..1 { unit(split, 2) }"))
    ]
    assert summary(network("let relu = 3", "conv(relu, 3x3)")) == []
    assert [code for code, _ in summary(network("let relu = tanh", "relu"))] == ["hidden-operator"]


def test_networks_and_labels_hide_nothing() -> None:
    assert summary("network relu {\n  input x: [4]\n  relu: relu\n}") == []


# The lints of the graph


@pytest.mark.parametrize(
    ("layers", "is_found"),
    [
        ("conv(4, 3x3) -> bn", True),
        ("features: { conv(4, 3x3) }\n  bn", True),
        ("conv(4, 3x3) as y -> bn\n  y -> add { | avgpool(global) | bn -> avgpool(global) }", False),
        ("conv(4, 3x3)\n  output y\n  bn", False),
        ("avgpool(global) -> flatten -> linear(4) -> bn", True),
        ("flatten(1) -> linear(4) -> bn", False),  # `bn` works on axis 0, the bias stands on the last one
        ("depthwise(3x3) -> bn", True),
        ("locally_connected(4, 3x3) -> bn", False),  # a bias for each place
        ("conv(4, 3x3) -> lrn", False),
    ],
)
def test_a_bias_is_lost_where_only_a_norm_of_its_axis_reads_it(layers: str, is_found: bool) -> None:
    assert ("bias-before-norm" in [code for code, _ in summary(network(layers))]) == is_found


@pytest.mark.parametrize(("maps", "words"), [(1, "1 parameter that"), (4, "4 parameters that")])
def test_the_parameters_of_a_lost_bias_are_counted(maps: int, words: str) -> None:
    (diagnostic,) = found(network(f"conv({maps}, 3x3) -> bn"))
    assert diagnostic.primary is not None
    assert diagnostic.primary.text == f"{words} `bn` subtracts"


def test_a_bias_is_only_taken_out_where_the_norm_stands_in_the_text() -> None:
    """The same text may be used without a norm elsewhere."""
    block = "block unit(norm: layer) { conv(4, 3x3) -> norm }\n"
    (found_by_argument,) = found(block + network("unit(bn)"))
    (found_in_text,) = found(network("conv1: conv(4, 3x3) -> bn1: bn"))
    assert found_by_argument.edit is None
    assert found_in_text.edit is not None


@pytest.mark.parametrize(
    ("body", "is_found"),
    [
        ("shared c = conv(3, 3x3, pad=1)\n  c -> bn -> c -> bn", True),
        ("shared c = conv(3, 3x3, pad=1)\n  c -> bn -> c -> relu", False),
        ("shared c = conv(3, 3x3, pad=1)\n  c -> bn as a\n  image -> c -> add(a)", False),
        ("for norm in [1, 0] { conv(3, 3x3, pad=1); if norm == 1 { bn } }", False),
    ],
)
def test_a_bias_that_one_use_of_its_weights_needs_is_kept(body: str, is_found: bool) -> None:
    assert ("bias-before-norm" in [code for code, _ in summary(network(body))]) == is_found


def test_a_bias_that_its_text_needs_elsewhere_is_kept() -> None:
    unit = "block unit(norm: layer) { conv(3, 3x3, pad=1) -> norm }\n"
    assert [code for code, _ in summary(unit + network("unit(bn) -> unit(bn)"))] == ["bias-before-norm"]
    assert summary(unit + network("unit(bn) -> unit(relu)")) == []
    dense = "inline block unit { linear(3) -> bn }\n"
    assert summary(dense + network("unit -> flatten -> unit")) == []


@pytest.mark.parametrize(
    ("layers", "is_found"),
    [
        ("relu -> maxpool(3x3) -> relu", True),
        ("sigmoid -> relu", True),
        ("relu -> conv(3, 1x1) -> relu", False),
        ("relu -> tanh -> relu", False),
        ("features: { relu }\n  relu", True),
        ("leaky_relu(0.1) -> relu", False),
        ("relu -> leaky_relu(0.1)", False),
    ],
)
def test_a_relu_is_idle_behind_what_is_never_negative(layers: str, is_found: bool) -> None:
    assert ("relu-after-relu" in [code for code, _ in summary(network(layers))]) == is_found


def test_a_relu_that_is_idle_in_some_places_of_its_text_is_needed() -> None:
    unit = "block unit { relu -> conv(3, 1x1) }\n"
    assert summary(unit + network("relu -> unit -> unit")) == []
    assert summary(unit + network("relu -> unit -> relu -> unit")) == [("relu-after-relu", "relu")]
    loop = network("relu", "for c in [3, 4] { relu -> conv(c, 1x1) }")
    assert summary(loop) == []
    through = "block pool { maxpool(1x1) }\n" + network("relu -> pool -> pool -> relu")
    assert summary(through) == [("relu-after-relu", "relu")]
    assert summary(through.replace("relu -> pool", "tanh -> pool")) == []


def test_a_layer_that_is_an_argument_is_not_to_be_taken_out_for_a_relu() -> None:
    unit = "block unit(last: layer) { relu -> last }\n"
    assert summary(unit + network("unit(relu) -> conv(3, 1x1) -> unit(relu)")) == [("relu-after-relu", "last")]
    assert summary(unit + network("unit(relu) -> unit(tanh)")) == []


def test_a_layer_that_is_read_elsewhere_is_not_to_be_taken_out() -> None:
    unit = "block unit(both) { tanh as a; in -> sigmoid as b; if both { a -> add(b) } }\n"
    (once,) = found(unit + network("unit(false)"))
    (again,) = found(unit + network("unit(true) -> unit(false)"))
    assert "take the layer out" in once.helps[0] and "elsewhere" in again.helps[0]


def test_what_is_dead_is_reported_where_it_ends() -> None:
    assert summary(network("conv(4, 3x3) -> relu", "image -> relu6")) == [("unreachable-value", "relu")]
    assert summary(network("side: { conv(4, 3x3) -> relu }", "image -> relu6")) == [("unreachable-value", "relu")]
    block = "block unit { relu -> tanh; in -> relu6 }\n"
    assert summary(block + network("unit -> unit")) == [("unreachable-value", "tanh")]
    assert summary(network("training { relu }", "relu6")) == [("unreachable-value", "relu")]
    assert summary(network("training { output aux = relu }", "relu6")) == []


def test_a_dead_tap_is_reported_once() -> None:
    assert summary(network("relu as y", "image -> relu6")) == [("unused-tap", "y")]


def test_an_output_of_learned_values_alone_is_reported_once() -> None:
    constant = network("output y = table: parameter([4])")
    assert summary(constant) == [("ignored-input", "y")]


def test_inputs_are_followed_through_blocks() -> None:
    two = "network A {{\n  input x: [8]\n  input y: [8]\n  x -> pick(y)\n}}"
    through = "block pick(other: tensor) { other -> linear(8) as o; in -> linear(8) -> add(o) }\n" + two.format()
    around = "block pick(other: tensor) { other -> linear(8) as o; in -> linear(o.features) }\n" + two.format()
    assert summary(through) == []
    assert [code for code, _ in summary(around)] == ["unreachable-value"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("conv(8, 3x3) -> relu", "a unit of the last maps, `0`, sees 3 x 3 of 9 x 9"),
        (
            "conv(8, 3x3, stride=2) -> conv(8, 3x3) -> flatten -> linear(8)",
            "a unit of the last maps, `1`, sees 7 x 7 of 9 x 9",
        ),
        ("conv(8, 9x9) -> relu", None),
        ("flatten -> linear(8)", None),
        ("relu -> relu6 -> tanh", None),
    ],
)
def test_the_field_of_the_last_maps(layers: str, message: str | None) -> None:
    messages = [d.message for d in found(network(layers), info=True) if d.code == "small-field"]
    assert messages == ([message] if message else [])


def test_labels_are_expected_beside_labels_alone() -> None:
    code = "unlabelled-weights"
    named = network("conv1: conv(8, 3x3) -> bn1: bn", "features: { conv(8, 3x3) -> relu }", "0: conv(8, 3x3)")
    assert code not in [c for c, _ in summary(named, info=True)]
    mixed = network("conv1: conv(8, 3x3) -> bn -> relu", "features: { conv(8, 3x3) }")
    assert [place for c, place in summary(mixed, info=True) if c == code] == ["bn"]
