"""`archdsl diff`: what is told of two networks is what was changed in the text between them."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.difference import Change, ScopeChange, difference
from archdsl.elaborate import Program
from archdsl.ir import Node, flatten
from archdsl.reports.difference import loading
from archdsl.source import Source
from archdsl.syntax import parse
from tests.support.cli import Cli

BASE = """
block unit(c, stride = 1) {
  add {
    | conv1: conv(c, 3x3, stride, pad=1) -> bn1: bn -> relu
      conv2: conv(c, 3x3, pad=1) -> bn2: bn
    | if stride != 1 { conv(c, 1x1, stride) }
  }
}
network Net {
  input image: [3, 32, 32]
  stem: conv(8, 3x3, pad=1) -> relu
  stage1: { unit(8) -> unit(8) }
  stage2: { unit(16, 2) -> unit(16) }
  head: conv(10, 1x1) -> avgpool(global) -> flatten
}
"""


def facts(text: str) -> Facts:
    tree, problems = parse(Source("net.arch", text))
    assert not problems
    built = Program(tree).build("Net")
    assert built.network is not None, built.problems
    return Facts(built.network)


def told(old: str, new: str) -> list[tuple[str, tuple[str, ...], list[str]]]:
    """The changes: scope, the others alike, and `-conv1` or `+conv1` for each layer."""
    found = []
    for scope in difference(facts(old).network, facts(new).network).scopes:
        lines = [f"{sign}{node.name}" for c in scope.changes for sign, node in signed(c)]
        found.append((scope.path, scope.others, lines))
    return found


def signed(change: Change) -> list[tuple[str, Node]]:
    is_one = change.reads is not None or change.is_renamed
    pairs = [("~", change.after)] if is_one else [("-", change.before), ("+", change.after)]
    return [(sign, node) for sign, node in pairs if node is not None]


def test_a_network_does_not_differ_from_itself() -> None:
    assert told(BASE, BASE) == []


def test_a_number_that_is_written_is_a_label() -> None:
    old = "network Net {\n  input x: [8]\n  0: linear(8) -> relu\n}"
    (scope,) = told(old, old.replace("0: linear", "4: linear"))
    assert "~4" in scope[2]
    assert told(old, old.replace("0: linear", "linear")) == []


def test_a_change_that_blocks_share_is_told_once() -> None:
    new = BASE.replace("conv2: conv(c, 3x3, pad=1)", "conv2: conv(c, 3x3, pad=1, bias=false)")
    lines = ["-conv2", "+conv2"]  # 8 weights fewer in one stage, 16 in the other
    assert told(BASE, new) == [("stage1.0", ("stage1.1",), lines), ("stage2.0", ("stage2.1",), lines)]


def test_a_change_is_told_once_where_it_is_the_same_and_costs_the_same(cli: Cli) -> None:
    """ResNet-34 has blocks more in each stage, of other widths (He et al. 2016, Table 1): two convolutions, two norms."""
    found = json.loads(cli("diff", "resnet:ResNet18", "resnet:ResNet34", "--format", "json").out)
    blocks = [(1, 64, 56), (2, 128, 28), (4, 256, 14), (1, 512, 7)]
    assert [(s["path"], s["also"], s["delta"]["params"]) for s in found["scopes"]] == [
        (f"layer{i}", [], count * (2 * 9 * width**2 + 4 * width)) for i, (count, width, _) in enumerate(blocks, 1)
    ]
    outputs = [[change["after"]["outputs"] for change in scope["changes"]] for scope in found["scopes"]]
    assert outputs == [[[[width, side, side]]] * count for count, width, side in blocks]


def test_a_group_in_place_of_a_layer_is_the_same_in_two_blocks() -> None:
    """Blocks of other strides, whose second convolutions are of equal sizes."""
    new = BASE.replace("conv2: conv(c, 3x3, pad=1)", "conv2: { depthwise(3x3, pad=1) -> conv(c, 1x1) }")
    lines = ["-conv2", "+conv2"]
    assert told(BASE, new) == [("stage1.0", ("stage1.1",), lines), ("stage2.0", ("stage2.1",), lines)]
    other = new.replace("conv(c, 1x1) }", "conv(c, 1x1) -> { if stride == 1 { tanh } else { sigmoid } } }")
    assert [path for path, *_ in told(BASE, other)] == ["stage1.0", "stage2.0", "stage2.1"]


def test_the_network_is_named_where_it_was_changed_as_its_parts_were(cli: Cli, tmp_path: Path) -> None:
    old, new = tmp_path / "old.arch", tmp_path / "new.arch"
    old.write_text("network Net { input x: [4, 8, 8]; stem: conv(4, 1x1); part: { stem: conv(4, 1x1) } }")
    new.write_text(old.read_text().replace("1x1", "3x3, pad=1"))
    assert "   Net     also part " in cli("diff", old, new).out


def test_of_many_places_three_are_shown(cli: Cli) -> None:
    out = cli("diff", "densenet:DenseNet121", "densenet:DenseNet201").out
    names = [f"features.denseblock4.denselayer{number}" for number in range(1, 5)]
    assert f"{names[0]}  also {', '.join(names[1:])} and 12 more  " in out


@pytest.mark.parametrize(
    "old, new, note, data",
    [
        ("bn", "bn(eps=0.001)", "eps 1e-05 -> 0.001", {"eps": {"before": 1e-5, "after": 1e-3}}),
        ("dropout(0.5)", "dropout(0.2)", "p 0.5 -> 0.2", {"p": {"before": 0.5, "after": 0.2}}),
        ("conv(8, 1x1)", "conv(8, 1x1, bias=false)", "bias true -> false", {"bias": {"before": True, "after": False}}),
        (
            "maxpool(3x3, stride=2, pad=1)",
            "maxpool(3x3, stride=2, pad=same)",
            "pad 1 -> [[0, 1], [0, 1]]",
            {"pad": {"before": [[1, 1], [1, 1]], "after": [[0, 1], [0, 1]]}},
        ),
        (
            "conv(8, 1x1)",
            "conv(9, 1x1, parametrization=weight_norm)",
            "parametrization none -> weight_norm",
            {"channels": {"before": 8, "after": 9}, "parametrization": {"before": None, "after": "weight_norm"}},
        ),
    ],
)
def test_attributes_that_the_short_form_leaves_out_are_told(
    cli: Cli, tmp_path: Path, old: str, new: str, note: str, data: object
) -> None:
    before, after = tmp_path / "old.arch", tmp_path / "new.arch"
    before.write_text(f"network N {{ input x: [4, 8, 8]; it: {old} }}")
    after.write_text(f"network N {{ input x: [4, 8, 8]; it: {new} }}")
    first, second = (line for line in cli("diff", before, after).out.splitlines() if line.startswith(("-", "+")))
    assert second.endswith(f"  {note}") and note not in first
    (scope,) = json.loads(cli("diff", before, after, "--format", "json").out)["scopes"]
    assert scope["changes"][0]["attributes"] == data


def test_a_layer_of_the_same_attributes_says_what_it_reads_or_how_often_it_runs(cli: Cli, tmp_path: Path) -> None:
    old, new = tmp_path / "old.arch", tmp_path / "new.arch"
    old.write_text("network N { input x: [4]; a: linear(8); shared s = linear(8); s -> s }")
    new.write_text("network N { input x: [4]; a: linear(8); shared s = linear(8); s }")
    assert "+  s      linear 8  [8]       64  -64  uses 2 -> 1\n" in cli("diff", old, new).out
    new.write_text("network N { input x: [5]; a: linear(8); shared s = linear(8); s -> s }")
    (line,) = (line for line in cli("diff", old, new).out.splitlines() if line.startswith("+"))
    assert line.split(maxsplit=6)[1:] == ["a", "linear", "8", "[8]", "40", "+8  reads [4] -> [5]"]


def test_a_layer_put_in_between_does_not_renew_what_follows() -> None:
    new = BASE.replace("stage1: { unit(8) -> unit(8) }", "stage1: { maxpool(3x3, 1, pad=1) -> unit(8) -> unit(8) }")
    assert told(BASE, new) == [("stage1", (), ["+0"])]
    assert told(new, BASE) == [("stage1", (), ["-0"])]


def test_a_wider_layer_changes_what_reads_it() -> None:
    """Not the norms and activations after it, which have the same attributes."""
    new = BASE.replace("stem: conv(8,", "stem: conv(12,").replace("unit(8) -> unit(8)", "unit(12) -> unit(12)")
    assert told(BASE, new) == [
        ("", (), ["-stem", "+stem"]),
        ("stage1.0", ("stage1.1",), ["-conv1", "+conv1", "-conv2", "+conv2"]),
        ("stage2.0", (), ["-conv1", "+conv1", "-1", "+1"]),
    ]


def test_other_wires_between_the_same_layers_are_told() -> None:
    old = "network Net { input x: [4, 8, 8]; a: conv(4, 1x1) as p; b: conv(4, 1x1) as q; p -> c: conv(4, 1x1); add(q) }"
    assert told(old, old.replace("p -> c:", "q -> c:")) == [("", (), ["~c"])]


TWO = "network Net { input x: [4]; a: linear(4) as p; output p; p -> b: linear(4) as q; output q }"


@pytest.mark.parametrize(
    "new, said",
    [
        (
            "network Net { input x: [4]; a: linear(4) as p; p -> b: linear(4) as q; output q; output p = p }",
            "q and p, not p and q",
        ),
        ("network Net { input x: [4]; a: linear(4) -> b: linear(4) as q; output q }", "q, not p and q"),
        (TWO.replace("output p", "output r = p"), "r and q, not p and q"),
        (TWO.replace("output p", "output r = p").replace("output q", "output p = q"), "r and p = b, not p = a and q"),
        (TWO.replace("output q", "training { output q }"), "p and training q, not p and q"),
    ],
)
def test_other_outputs_are_told(cli: Cli, tmp_path: Path, new: str, said: str) -> None:
    """The layers are the same in all of them: a removed, a moved or a renamed output, one of another value or for training."""
    before, after = tmp_path / "old.arch", tmp_path / "new.arch"
    before.write_text(TWO)
    after.write_text(new)
    done = cli("diff", before, after, "--exit-code")
    (line,) = (line for line in done.out.splitlines() if line.startswith(("~", "-", "+")))
    assert line.split(maxsplit=2)[1:] == ["outputs", said] and done.code == 1
    assert "wired alike" not in done.out
    data = json.loads(cli("diff", before, after, "--format", "json").out)
    was, now = data["scopes"][0]["outputs"]
    assert said == f"{' and '.join(now)}, not {' and '.join(was)}"
    assert cli("diff", after, after, "--exit-code").code == 0


def test_other_inputs_are_told(cli: Cli, tmp_path: Path) -> None:
    before, after = tmp_path / "old.arch", tmp_path / "new.arch"
    before.write_text(BASE)
    after.write_text(BASE.replace("image", "picture"))
    done = cli("diff", before, after, "--exit-code")
    assert "~  inputs  picture [3, 32, 32], not image [3, 32, 32]\n" in done.out and done.code == 1
    assert "the same layers, wired alike" in done.out


@pytest.mark.parametrize(
    "old, new, said",
    [
        (
            "input y: [4]; x -> a: linear(2); output a",
            "input y: [4]; y -> a: linear(2); output a",
            "~ a reads y, not x",
        ),
        (
            "split(2) as p, q; p -> a: linear(2); output a",
            "split(2) as p, q; q -> a: linear(2); output a",
            "~ a reads split[1], not split",
        ),
        (
            "part: { a: linear(4) as p; b: linear(4) as q }; q -> c: linear(4); output c",
            "part: { a: linear(4) as p; b: linear(4) as q }; p -> c: linear(4); output c",
            "~ outputs a, not b",
        ),
    ],
)
def test_which_of_several_values_is_read_is_told(cli: Cli, tmp_path: Path, old: str, new: str, said: str) -> None:
    files = tmp_path / "old.arch", tmp_path / "new.arch"
    for file, text in zip(files, (old, new), strict=True):
        file.write_text(f"network Net {{ input x: [4]; {text} }}")
    found = json.loads(cli("diff", *files, "--format", "json").out)["scopes"]
    lines = [
        f"~ {c['after']['name']} reads {c['reads'][1][0]}, not {c['reads'][0][0]}" for s in found for c in s["changes"]
    ]
    lines += [f"~ outputs {s['outputs'][1][0]}, not {s['outputs'][0][0]}" for s in found if s["outputs"]]
    assert lines == [said]


def test_a_turn_more_does_not_renew_the_merges_that_are_numbered_after_it() -> None:
    old = "network Net { input x: [4, 8, 8]; repeat 3 { add { | conv(4, 1x1) | in } }; relu; add { | silu | in } }"
    assert told(old, old.replace("repeat 3", "repeat 4")) == [("", (), ["+3", "+add_4"])]


@pytest.mark.parametrize("turns", [1_000, 1_000_000])
def test_of_too_many_turns_one_stands_for_a_row(turns: int) -> None:
    old = "network Net { input x: [4, 8, 8]; conv(4, 3x3, pad=half); repeat 1_000_000 { add { | conv(4, 1x1) | in } }; relu }"
    new = old.replace("3x3", "5x5").replace("1_000_000", str(turns))
    rows = {"-add", "+add"} if turns == 1_000 else set()
    ((path, others, lines),) = told(old, new)
    assert (path, others, lines[:2]) == ("", (), ["-0", "+0"])
    assert {line.rpartition("_")[0] for line in lines if "add" in line} == rows


def test_a_part_with_another_name_alone_is_told_as_one() -> None:
    """Another layer under another name is another layer."""
    assert told(BASE, BASE.replace("head: conv", "top: conv")) == [("", (), ["~top"])]
    assert told(BASE, BASE.replace("stage2:", "deep:")) == [("", (), ["~deep"])]
    assert told(BASE, BASE.replace("head: conv(10", "top: conv(12")) == [("", (), ["-head", "+top"])]
    assert told(BASE, BASE.replace("stage2: { unit(16, 2) ->", "deep: { unit(16, 2) -> relu ->"))[0] == (
        "",
        (),
        ["-stage2", "+deep"],
    )


def test_the_title_tells_two_of_one_name_apart(cli: Cli, tmp_path: Path) -> None:
    old, new = tmp_path / "old.arch", tmp_path / "new.arch"
    old.write_text(BASE)
    new.write_text(BASE.replace("[3, 32, 32]", "[3, H, W]").replace("stage2:", "deep:"))
    alike = cli("diff", old, new, "--input", "3x32x32", "--batch", "2").out
    assert alike.splitlines()[0] == f"{old}:Net -> {new}:Net   N = 2" and "was stage2" in alike
    assert cli("diff", old, new).out.splitlines()[0] == f"{old}:Net -> {new}:Net   H = 224, W = 224"
    assert cli("diff", "resnet:ResNet50v1", "resnet:ResNet50").out.startswith("ResNet50v1 -> ResNet50\n")


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("stem: conv(8, 3x3, pad=1)", "stem: conv(8, 3x3, pad=1)", "same names and shapes: weights load either way"),
        ("-> bn1: bn -> relu", "-> bn1: bn -> silu", "same names and shapes: weights load either way"),
        ("head: conv(10", "head: conv(12", "2 of other shapes"),
        ("head: conv", "top: conv", "2 names only before, 2 only after"),
    ],
)
def test_whether_weights_load(old: str, new: str, said: str) -> None:
    assert loading(facts(BASE), facts(BASE.replace(old, new))) == said


def test_a_million_turns_are_compared(cli: Cli, tmp_path: Path) -> None:
    for name, turns in (("old", "1_000_000"), ("new", "1_000")):
        text = f"network {name} {{ input x: [4, 8, 8]; repeat {turns} {{ add {{ | conv(4, 1x1) | in }} }} }}"
        (tmp_path / f"{name}.arch").write_text(text)
    out = cli("diff", tmp_path / "old.arch", tmp_path / "new.arch").out
    assert out.split("params")[1].split()[:3] == ["20_000_000", "20_000", "-19_980_000"]
    assert "too many to be compared name by name" in out


def test_the_command_says_what_a_change_costs(cli: Cli, tmp_path: Path) -> None:
    """ResNet-50 with the stride in its first and in its second convolutions: He et al. 2016 and torchvision."""
    done = cli("diff", "resnet:ResNet50v1", "resnet:ResNet50")
    assert done.code == 0
    assert "layer2.0  also layer3.0 and layer4.0, of other sizes " in done.out
    assert "3_857_973_248  4_089_184_256  +231_211_008    +6.0%" in done.out
    assert "same names and shapes: weights load either way" in done.out
    assert cli("diff", "resnet:ResNet50v1", "resnet:ResNet50", "--exit-code").code == 1
    assert cli("diff", "resnet:ResNet50", "resnet:ResNet50", "--exit-code").code == 0
    assert cli("diff", "resnet:ResNet50", "nothing").code == 2
    spec = tmp_path / "net.arch"
    spec.write_text("network A { input x: [3, 8, 8]; conv(4, 9x9) }")
    assert cli("diff", spec, spec).code == 1


def test_blocks_that_were_added_in_a_row_are_one_line(cli: Cli) -> None:
    """ResNet-101 has 17 blocks more than ResNet-50 in one stage (He et al. 2016, Table 1): 3_712_221_184 multiply-adds."""
    done = cli("diff", "resnet:ResNet50", "resnet:ResNet101")
    (line,) = (line.split() for line in done.out.splitlines() if line.startswith(("+", "-")))
    assert line == ["+", "6-22", "bottleneck(256)", "×17", "[1024,", "14,", "14]", "3.71G", "+3_712_221_184"]
    assert "+3_712_221_184" in done.out


@pytest.mark.parametrize("format, begins", [("csv", "change,layer"), ("markdown", "## ResNet18 -> ResNet34")])
def test_the_command_has_formats(cli: Cli, format: str, begins: str) -> None:
    assert begins in cli("diff", "resnet:ResNet18", "resnet:ResNet34", "--format", format).out


def test_json_holds_what_the_tables_tell(cli: Cli) -> None:
    found = json.loads(cli("diff", "resnet:ResNet50v1", "resnet:ResNet50", "--format", "json").out)
    (scope,) = found["scopes"]
    assert (scope["path"], scope["also"], scope["other_sizes"]) == ("layer2.0", ["layer3.0", "layer4.0"], True)
    first, second = scope["changes"]
    assert first["before"]["macs"] == 128 * 256 * 28 * 28 and first["after"]["macs"] == 128 * 256 * 56 * 56
    assert first["after"]["outputs"] == [[128, 56, 56]] and second["after"]["operation"] == "conv 3x3, 128 /2"
    assert found["figures"]["MACs"] == {"before": 3_857_973_248, "after": 4_089_184_256}
    assert found["figures"]["receptive field"] == {"before": 483, "after": 427}


def test_units_behind_a_gate_read_all_of_the_image(cli: Cli) -> None:
    found = json.loads(cli("diff", "resnet:ResNet50", "senet:SEResNet50", "--format", "json").out)
    assert found["figures"]["receptive field"] == {"before": 427, "after": "whole input"}


NET = BASE.replace("if stride != 1 {", "if stride != 1 or in.channels != c {")
VARIANTS = {
    "no bias": ("conv2: conv(c, 3x3, pad=1)", "conv2: conv(c, 3x3, pad=1, bias=false)"),
    "a larger window in every block": ("conv2: conv(c, 3x3, pad=1)", "conv2: conv(c, 5x5, pad=2)"),
    "another image": ("[3, 32, 32]", "[1, 28, 28]"),
    "a larger image": ("[3, 32, 32]", "[3, 64, 64]"),
    "a block more": ("unit(8) -> unit(8)", "unit(8) -> unit(8) -> unit(8)"),
    "wider": ("unit(16, 2) -> unit(16)", "unit(24, 2) -> unit(24)"),
    "no stride": ("unit(16, 2)", "unit(16, 1)"),
    "a pool at the front": ("-> relu\n  stage1", "-> relu -> maxpool(2x2)\n  stage1"),
    "another name": ("stage2:", "deep:"),
    "another name and width": ("stage2: { unit(16, 2)", "deep: { unit(24, 2)"),
    "another order": (
        "stage1: { unit(8) -> unit(8) }\n  stage2: { unit(16, 2) -> unit(16) }",
        "stage2: { unit(16, 2) -> unit(16) }\n  stage1: { unit(8) -> unit(8) }",
    ),
    "a loop": ("-> unit(16) }", "; repeat 3 { unit(16) } }"),
    "a long loop": ("-> unit(16) }", "; repeat 200_000 { unit(16) } }"),
    "another long loop": ("-> unit(16) }", "; unit(24); repeat 300_000 { unit(24) } }"),
    "shared": ("stage1: { unit(8) -> unit(8) }", "shared enc = unit(8)\n  enc -> enc"),
    "a part for training": ("  head:", "  training { aux: { conv(4, 1x1) -> unit(6); output side } }\n  head:"),
    "a wider part for training": ("  head:", "  training { aux: { conv(9, 1x1) -> unit(8); output side } }\n  head:"),
    "shared, twice": ("stage1: { unit(8) -> unit(8) }", "shared enc = unit(8)\n  enc -> maxpool(2x2) -> enc -> enc"),
}
"""Changes to the text."""
ZOO = (
    "vgg:VGG_A",
    "vgg:VGG_D",
    "resnet:ResNet18",
    "resnet:ResNet50",
    "googlenet",
    "densenet:DenseNet121",
    "unet",
    "siamese",
)


def deltas(out: str) -> int:
    """The sum of what the table of changes says: of a scope what it is in all, where this is told."""
    total = here = 0
    heading: int | None = None
    for line in out.partition("\n\n")[2].partition("\n\n")[0].splitlines():
        found = re.search(r"  ([+-][\d_]+)(?: in all)?(?:  .*)?$", line)
        more = int(found[1]) if found else 0
        if line.startswith("   ") or "by their sizes:" in line:
            total, here, heading = total + (here if heading is None else heading), 0, None
        if line.startswith("   "):
            heading = more if "in all" in line else None
        else:
            here += more
    return total + (here if heading is None else heading)


def assert_adds_up(cli: Cli, old: Path | str, new: Path | str) -> None:
    data = json.loads(cli("diff", old, new, "--format", "json").out)
    figures = data["figures"]
    params, macs = (f"training {name}" if f"training {name}" in figures else name for name in ("params", "MACs"))
    for figure, key in ((params, "params"), (macs, "macs")):
        told = sum(scope["delta"][key] for scope in data["scopes"]) + data["resized"]["delta"][key]
        assert told == figures[figure]["after"] - figures[figure]["before"], figure
        for scope in data["scopes"]:
            assert sum(change["delta"][key] for change in scope["changes"]) == scope["delta"][key]
    assert deltas(cli("diff", old, new).out) == figures[macs]["after"] - figures[macs]["before"]


@pytest.mark.parametrize("change", VARIANTS)
def test_what_is_told_adds_up_to_the_totals(cli: Cli, tmp_path: Path, change: str) -> None:
    base, new = tmp_path / "base.arch", tmp_path / "new.arch"
    base.write_text(NET)
    text = NET.replace(*VARIANTS[change])
    assert text != NET
    new.write_text(text)
    assert_adds_up(cli, base, new)
    assert_adds_up(cli, new, base)


@pytest.mark.parametrize("change", VARIANTS)
def test_between_two_changes_it_adds_up_too(cli: Cli, tmp_path: Path, change: str) -> None:
    new = tmp_path / "new.arch"
    new.write_text(NET.replace(*VARIANTS[change]))
    for other in list(VARIANTS)[::3]:
        old = tmp_path / "old.arch"
        old.write_text(NET.replace(*VARIANTS[other]))
        assert_adds_up(cli, old, new)


@pytest.mark.parametrize("old, new", [*itertools.pairwise(ZOO)])
def test_of_published_networks_it_adds_up(cli: Cli, old: str, new: str) -> None:
    assert_adds_up(cli, old, new)


CHAIN = """network Net {
  default conv(pad=half)
  input x: [3, 32, 32]
  a: conv(16, 3x3)
  b: maxpool(2x2)
  c: conv(16, 3x3)
  d: conv(16, 3x3)
}
"""


def test_layers_that_cost_more_by_their_sizes_are_told(cli: Cli, tmp_path: Path) -> None:
    """A pool moved behind two convolutions of 16 * 16 * 9 multiply-adds at each place, of 32x32 for 16x16 places."""
    old, new = tmp_path / "old.arch", tmp_path / "new.arch"
    old.write_text(CHAIN)
    new.write_text(CHAIN.replace("  b: maxpool(2x2)\n", "").replace("}", "  b: maxpool(2x2)\n}"))
    each = 16 * 16 * 9 * (32 * 32 - 16 * 16)
    rows = [line.split() for line in cli("diff", old, new).out.splitlines() if line.startswith("~")]
    assert [(row[1], *row[-5:]) for row in rows] == [
        ("c", f"+{each:_}", "reads", "a,", "not", "b"),
        ("b", "16]", "reads", "d,", "not", "a"),
        ("outputs", "b,", "not", "out", "=", "d"),
        ("1", "by", "their", "sizes:", "d", f"+{each:_}"),
    ]


def test_a_part_for_training_is_counted_as_one(cli: Cli, tmp_path: Path) -> None:
    """Of a linear layer from 144 numbers to 10, and then to 20; the totals without it are the same."""
    text = (
        "network N { input x: [4, 6, 6]; training { flatten; aux: { linear(10) }; output side }; flatten; linear(5) }"
    )
    old, new = tmp_path / "old.arch", tmp_path / "new.arch"
    old.write_text(text)
    new.write_text(text.replace("10", "20"))
    assert_adds_up(cli, old, new)
    data = json.loads(cli("diff", old, new, "--format", "json").out)
    assert data["resized"]["layers"] == 0 and [s["delta"]["params"] for s in data["scopes"]] == [145 * 10]
    figures = {name: data["figures"][name] for name in ("params", "training params")}
    linear = 145 * 5
    assert [*figures.values()] == [
        {"before": linear, "after": linear},
        {"before": linear + 145 * 10, "after": linear + 145 * 20},
    ]


def test_of_another_image_the_sizes_are_one_line(cli: Cli, tmp_path: Path) -> None:
    """Of the same layers; a check of what differs finds it all the same."""
    old, new = tmp_path / "old.arch", tmp_path / "new.arch"
    old.write_text(BASE)
    new.write_text(BASE.replace("[3, 32, 32]", "[3, 64, 64]"))
    done = cli("diff", old, new, "--exit-code")
    first, line = (line for line in done.out.splitlines() if line.startswith(("~", "-", "+")))
    assert first.split(maxsplit=2)[1:] == ["inputs", "image [3, 64, 64], not image [3, 32, 32]"]
    assert line.startswith("~  11 layers  by their sizes: stem, stage1.0.conv1, stage1.0.conv2 and 8 more")
    assert "the same layers, wired alike" in done.out and done.code == 1


def test_arms_in_another_order_are_what_a_merge_reads() -> None:
    old = "network Net { input x: [3, 8, 8]; concat { | a: conv(8, 1x1) | b: conv(8, 3x3, pad=1) } }"
    new = "network Net { input x: [3, 8, 8]; concat { | b: conv(8, 3x3, pad=1) | a: conv(8, 1x1) } }"
    ((change,),) = (scope.changes for scope in difference(facts(old).network, facts(new).network).scopes)
    assert change.after is not None and change.after.name == "concat" and change.reads == (("a", "b"), ("b", "a"))


def test_a_shared_layer_has_its_weights_once() -> None:
    """A convolution of 4 * 4 weights that runs twice on 8x8 places has a window of 3x3."""
    unit = "block unit(k) { conv(4, k, pad=half, bias=false) -> relu }\n"
    old = f"{unit}network Net {{ input x: [4, 8, 8]; shared s = unit(1x1); s -> s }}"
    found = difference(*(facts(text).network for text in (old, old.replace("unit(1x1)", "unit(3x3)"))))
    (scope,) = found.scopes
    assert (scope.more.params, scope.more.macs) == (16 * 8, 2 * 16 * 8 * 64)
    assert found.resized.layers == 0


def doubling(levels: int, window: int) -> str:
    """A convolution in a block that is called twice by one that is called twice by one ..."""
    blocks = [f"block A0 {{\n  conv(4, {window}x{window}, pad=half)\n  relu\n}}"]
    blocks += [f"block A{n} {{\n  A{n - 1}\n  A{n - 1}\n}}" for n in range(1, levels + 1)]
    return "\n".join([*blocks, f"network Net {{\n  input x: [4, 8, 8]\n  A{levels}\n}}"])


def compared(levels: int) -> tuple[ScopeChange, ...]:
    return difference(*(facts(doubling(levels, window)).network for window in (3, 5))).scopes


def test_blocks_that_double_are_compared_once() -> None:
    """Two to the power of the levels are all the places; those of a few levels as the network lists them."""
    (scope,) = compared(5)
    paths = [
        layer.path.rpartition(".")[0]
        for layer in flatten(facts(doubling(5, 3)).network).layers
        if layer.op.name == "conv"
    ]
    assert [scope.path, *scope.others] == paths and len(paths) == 2**5 and not scope.further
    (scope,) = compared(24)
    assert 1 + len(scope.others) + scope.further == 2**24
    assert scope.path == ".".join(["0"] * 25)


def test_what_is_too_large_to_be_listed_has_a_difference(cli: Cli, tmp_path: Path) -> None:
    files = []
    for window in (3, 5):
        files.append(tmp_path / f"{window}.arch")
        files[-1].write_text(doubling(24, window))
    found = cli("diff", *files, "--exit-code")
    assert found.code == 1 and "16_777_212 more" in found.out
    assert "too many operators for receptive fields" in found.out
    data = json.loads(cli("diff", *files, "--format", "json").out)
    assert data["figures"]["params"] == {"before": 2**24 * (4 * 4 * 9 + 4), "after": 2**24 * (4 * 4 * 25 + 4)}
    assert cli("diff", files[0], files[0], "--exit-code").code == 0
