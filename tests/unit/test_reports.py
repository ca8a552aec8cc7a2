"""Reports as people read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.options import OptionProblem
from archdsl.ir import Network, TensorType
from archdsl.reports import REPORTS, Options, Subject, Table, render_json, render_text, report
from archdsl.reports.csv import render_csv
from archdsl.reports.layers import shapes
from archdsl.reports.markdown import render_markdown
from archdsl.reports.table import Column, row
from archdsl.source import Diagnostic, Kind, Label, Source, Span
from archdsl.source.styled import plain, width
from tests.support import networks
from tests.support.again import printed
from tests.support.build import finish, image, network, op, sequence
from tests.support.cli import Cli

NETWORKS = {
    "vgg16": networks.vgg16,
    "alexnet": networks.alexnet_two_gpus,
    "lenet": networks.lenet5,
    "resnet": networks.resnet,
    "vector": lambda: sequence(op("linear", 3), op("relu"), input=networks.vgg16().input_types[0].with_shape((8,))),
}
SPAN = Span(Source("specs/vgg16.arch", "expect params ~ 138M\n"), 0, 20)


class Claimed(NamedTuple):
    """A claim as `archdsl.claims` decides it."""

    text: str
    holds: bool
    value: object
    shown: str
    source: str = ""
    disputed: bool = False
    span: Span = SPAN
    problem: Diagnostic | None = None


CLAIMS = (
    Claimed("params ~ 138M", True, 138_357_544, "138_357_544", "Simonyan & Zisserman 2015, Table 2"),
    Claimed("depth == 17", False, 16, "16"),
    Claimed("activations ~ 24M", True, 15_237_608, "15_237_608", "CS231n", True),
    Claimed("memory(activations) ~ 93MB", True, 60_950_432, "60_950_432", "CS231n", True),
)


def subject(net: Network, claims: Iterable[Claimed] = (), batch: int = 1) -> Subject:
    return Subject(Facts(net, batch), "specs/test.arch", claims=tuple(claims))


def shown(name: str, about: Subject, options: Options | None = None, columns: int | None = None) -> str:
    return plain(render_text(report(name, about, options), columns))


def rows(table: Table) -> list[tuple[object, ...]]:
    return [tuple(cell.value for cell in row.cells) for row in table.rows]


def test_the_lectures_table_of_vgg16() -> None:
    """CS231n, "VGGNet in detail", in 96 columns: every row with its working, and the sums."""
    text = shown("memory", subject(networks.vgg16()), Options(formulas=True), 96)
    expected = """\
image        input         224*224*3 = 151K     0.57 MiB
features.0   conv 3x3, 64  224*224*64 = 3.2M   12.25 MiB (3*3*3)*64 = 1_728
features.2   conv 3x3, 64  224*224*64 = 3.2M   12.25 MiB (3*3*64)*64 = 36_864
features.4   maxpool 2x2   112*112*64 = 803K    3.06 MiB
features.5   conv 3x3, 128 112*112*128 = 1.6M   6.12 MiB (3*3*64)*128 = 73_728
features.7   conv 3x3, 128 112*112*128 = 1.6M   6.12 MiB (3*3*128)*128 = 147_456
features.9   maxpool 2x2   56*56*128 = 401K     1.53 MiB
features.10  conv 3x3, 256 56*56*256 = 803K     3.06 MiB (3*3*128)*256 = 294_912
features.12  conv 3x3, 256 56*56*256 = 803K     3.06 MiB (3*3*256)*256 = 589_824
features.14  conv 3x3, 256 56*56*256 = 803K     3.06 MiB (3*3*256)*256 = 589_824
features.16  maxpool 2x2   28*28*256 = 201K     0.77 MiB
features.17  conv 3x3, 512 28*28*512 = 401K     1.53 MiB (3*3*256)*512 = 1_179_648
features.19  conv 3x3, 512 28*28*512 = 401K     1.53 MiB (3*3*512)*512 = 2_359_296
features.21  conv 3x3, 512 28*28*512 = 401K     1.53 MiB (3*3*512)*512 = 2_359_296
features.23  maxpool 2x2   14*14*512 = 100K     0.38 MiB
features.24  conv 3x3, 512 14*14*512 = 100K     0.38 MiB (3*3*512)*512 = 2_359_296
features.26  conv 3x3, 512 14*14*512 = 100K     0.38 MiB (3*3*512)*512 = 2_359_296
features.28  conv 3x3, 512 14*14*512 = 100K     0.38 MiB (3*3*512)*512 = 2_359_296
features.30  maxpool 2x2   7*7*512 = 25K        0.10 MiB
classifier.0 linear 4096   4096                 16.0 KiB (7*7*512)*4096 = 102_760_448
classifier.3 linear 4096   4096                 16.0 KiB 4096*4096 = 16_777_216
classifier.6 linear 1000   1000                  3.9 KiB 4096*1000 = 4_096_000
"""
    spaced = [line.split() for line in text.splitlines()]
    assert [line for line in spaced if line and re.match(r"image|features|classifier", line[0])] == [
        line.split() for line in expected.splitlines()
    ]
    assert "total" in text and "15_237_608 = 15.2M" in text and "58.1 MiB" in text
    assert "138_344_128 + 13_416 biases" in text and "= 138_357_544" in text


def test_the_widest_form_has_shapes_and_sums_in_one_line() -> None:
    text = shown("memory", subject(networks.vgg16()), Options(formulas=True))
    assert "[64, 224, 224]   224*224*64 = 3.2M   12.25 MiB  (3*3*64)*64 = 36_864\n" in text
    assert "15_237_608 = 15.2M   58.1 MiB  138_344_128 + 13_416 biases = 138_357_544\n" in text


def test_memory_figures_show_their_working() -> None:
    text = shown("memory", subject(networks.vgg16()))
    assert "parameters 527.8 MiB + inputs 0.57 MiB + activations 24.5 MiB = 579_722_400 bytes" in text
    assert "at features.2: its input 12.25 MiB + its output 12.25 MiB" in text
    assert "values 58.2 MiB + indices 11.68 MiB (int64) + noise 32.0 KiB = 73_355_264 bytes" in text
    assert "15_237_608 values x 4 bytes = 60_950_432; × 2 for backward" in text
    assert "× 4 with gradients and Adam: 2.06 GiB" in text


def test_disputed_figures_stand_beside_the_sum() -> None:
    text = shown("memory", subject(networks.vgg16(), CLAIMS), Options(formulas=True))
    assert "disputed  activations ~ 24M: the rows add up to 15_237_608 values (CS231n)" in text
    assert "disputed  memory(activations) ~ 93MB: the rows add up to 60_950_432 bytes = 60.95 MB (CS231n)" in text
    assert "138M" not in text


def test_receptive_fields_of_vgg16() -> None:
    (table,) = report("receptive-field", subject(networks.vgg16()))
    sizes = [int(str(values[2]).split("x")[0]) for values in rows(table)]
    assert sizes == [3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212, 224]
    text = shown("receptive-field", subject(networks.vgg16()), columns=80)
    assert "features.28   3x3        196 x 196      16           8.0     76.6%  █████████▏" in text
    assert "features.30   2x2 /2     212 x 212      32          16.0     89.6%  ██████████▋" in text
    assert "classifier.0  all of it  224 x 224       -             -    100.0%  ████████████" in text
    assert "unit (3, 3) of features.30 reads rows 6..217, columns 6..217\n" in text


def test_layers_that_only_take_larger_steps_are_listed() -> None:
    net = sequence(op("conv", 4, 3, pad=1), op("relu"), op("conv", 8, 1, 2), op("bn"), input=image(3, 8))
    (table,) = report("receptive-field", subject(net))
    assert [values[:4] for values in rows(table)] == [("0", "3x3", "3x3", 1), ("2", "1x1 /2", "3x3", 2)]


def test_a_unit_at_the_border_reads_padding() -> None:
    text = shown("receptive-field", subject(networks.vgg16()), Options(unit=("features.30", (0, 6))))
    assert "unit (0, 6) of features.30 reads rows -90..121 (90 of them padding), columns 102..313 (90 of them" in text


def test_what_a_unit_reads_ends_where_a_map_on_the_way_does() -> None:
    """Of 30 positions windows of 3 every 2 read 29; the last of them is beside padding."""
    net = sequence(op("conv", 1, 3, 2), op("conv", 1, 3, pad=1), input=TensorType((1, 30)))
    text = shown("receptive-field", subject(net), Options(unit=("1", (13,))))
    assert "unit (13) of 1 reads positions 24..28 of its field 24..30\n" in text


def test_of_a_shared_instance_it_is_said_which_use_a_unit_is_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "twice.arch").write_text(
        "network T {\n  input x: [4, 6]\n  shared s = { conv(4, 3, pad=1) -> relu }\n"
        "  x -> s -> once: conv(4, 1) -> s\n  output x\n}\n"
    )
    shown = {
        "s:2": "unit (2) of s, in the first of its 2 uses, reads positions 1..3",
        "s.0:2": "unit (2) of s.0, in the first of its 2 uses, reads positions 1..3",
        "once:2": "unit (2) of once reads positions 1..3",
        "x:2": "unit (2) of x reads positions 0..4",  # the output, whose field says more than the input's
    }
    for unit, words in shown.items():
        assert words + "\n" in Cli(capsys)("report", "receptive-field", str(file), "--unit", unit).out


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (
            ("nowhere", (0, 0)),
            "`unit` names nothing: there is no `nowhere`; its layers are `features.0` to `classifier.6`",
        ),
        (("feature.30", (0, 0)), "did you mean `features.30`"),
        (("features.30", (7, 0)), r"`features.30` has 7x7 units, so none at \(7, 0\)"),
        (("0", (0,)), "`0` has units without a place"),
    ],
)
def test_a_unit_that_is_not_there(unit: tuple[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(OptionProblem, match=words):
        report("receptive-field", subject(networks.vgg16()), Options(unit=unit))


def test_summary_folds_repeats_and_joins_small_operators() -> None:
    text = shown("summary", subject(networks.resnet()), columns=80)
    assert (
        text
        == """\
ResNet   image [3, 32, 32] -> logits [10]   N = 1, float32

layer                                output       params   MACs   share
───────────────────────────────────────────────────────────────────────
conv1    conv 7x7, 8 /2 · bn · relu  [8, 16, 16]   1_192   301K   25.4%
layer1                                             3_600   885K   74.6%
  0-2    residual  ×3                              3_600   885K   74.6%
avgpool  global average              [8, 1, 1]
1        flatten                     [8]
fc       linear 10                   [10]             90     80    0.0%
───────────────────────────────────────────────────────────────────────
total    7 conv, 3 add, 1 linear                   4_882  1.19M  100.0%
--depth 2 opens the blocks · --full lists all 27 operators · ×n: sum of n alike
"""
    )


def test_depth_opens_and_closes_scopes() -> None:
    def paths(depth: int) -> list[object]:
        (table,) = report("summary", subject(networks.resnet()), Options(depth=depth))
        return [values[0] for values in rows(table)]

    assert paths(0) == ["conv1", "layer1", "avgpool", "1", "fc"]
    assert paths(1) == ["conv1", "layer1", "layer1.0", "avgpool", "1", "fc"]
    assert paths(2)[2:6] == ["layer1.0", "layer1.0.conv1", "layer1.0.conv2", "layer1.0.add"]


@pytest.mark.parametrize(("turns", "first"), [(16, "0 unit(8, 3x3)"), (17, "0-16 unit(8, 3x3) ×17")])
def test_a_block_of_many_calls_is_one_row_unless_a_depth_is_asked_for(
    cli: Cli, tmp_path: Path, turns: int, first: str
) -> None:
    """Each turn sees further than the one before. The window is shown as it was written."""
    spec = tmp_path / "many.arch"
    spec.write_text(
        "block unit(c, window) { conv(c, window, pad=half) -> relu -> conv(c, 1x1) }\n"
        f"network N {{ input x: [8, 64, 64]; repeat {turns} {{ unit(8, 3x3) }} }}"
    )
    shown = re.sub(" +", " ", cli("report", "summary", spec).out)
    assert f"\n{first}" in shown and ("--depth 1 opens the blocks" in shown) is (turns > 16)
    assert cli("report", "summary", spec, "--depth", "1").out.count("unit(8, 3x3)") == turns


def test_full_lists_every_operator_once() -> None:
    about = subject(networks.resnet())
    (table,) = report("summary", about, Options(full=True))
    scopes = {"layer1", "layer1.0", "layer1.1", "layer1.2"}
    listed = [values[0] for values in rows(table)]
    assert [path for path in listed if path not in scopes] == [layer.path for layer in about.facts.flat.layers]


@pytest.mark.parametrize("depth", [0, 1, 2, 9])
@pytest.mark.parametrize("name", NETWORKS)
def test_rows_add_up_to_the_totals(name: str, depth: int) -> None:
    """Whatever is opened or folded: the rows that are not headings hold all parameters, MACs and values."""
    about = subject(NETWORKS[name]())
    (table,) = report("summary", about, Options(depth=depth))
    leaves = [row for row in table.rows if row.style != "heading"]
    sums = [sum(int(str(row.cells[i].value)) for row in leaves if row.cells[i].value is not None) for i in (3, 4, 7)]
    total = about.facts.cost.total
    assert sums == [total.params, total.macs, total.values]


def test_a_shared_instance_is_counted_once() -> None:
    body, (x,) = network("Shared", image(4, 8))
    conv = op("conv", 4, 1)
    x = body.one(conv, body.one(conv, x, label="same"), label="same")
    (table,) = report("summary", subject(finish(body, x)))
    assert [values[3] for values in rows(table)] == [20, 0]


def test_params_split_weights_and_biases() -> None:
    (table,) = report("params", subject(networks.vgg16()))
    (total,) = table.totals
    assert [cell.value for cell in total.cells][2:5] == [138_344_128, 13_416, 138_357_544]
    (tensors,) = report("params", subject(networks.vgg16()), Options(full=True))
    assert rows(tensors)[:2] == [
        ("features.0.weight", (64, 3, 3, 3), 1_728, "parameter", "float32"),
        ("features.0.bias", (64,), 64, "parameter", "float32"),
    ]
    assert len(tensors.rows) == 32


def test_normalization_and_elementwise_work_stand_apart(cli: Cli) -> None:
    """ResNet-50 normalizes the results of all convolutions. A block adds, and has `relu` behind its two inner convolutions and
    its sum; the first one of a stage halves the map in the second convolution."""
    stages = [3 * 256 * 56**2, 4 * 512 * 28**2, 6 * 1024 * 14**2, 3 * 2048 * 7**2]
    inside = [2 * 3 * 64 * 56**2, 2 * 4 * 128 * 28**2, 2 * 6 * 256 * 14**2, 2 * 3 * 512 * 7**2]
    halved = [128 * 56**2 - 128 * 28**2, 256 * 28**2 - 256 * 14**2, 512 * 14**2 - 512 * 7**2]
    shortcuts = [256 * 56**2, 512 * 28**2, 1024 * 14**2, 2048 * 7**2]
    relu = 64 * 112**2 + sum((*stages, *inside, *halved))
    text = cli("report", "flops", "resnet:ResNet50").out
    assert f"  normalization: {relu + sum(shortcuts):_} elements by bn\n" in text
    assert f"  elementwise: {relu + sum(stages):_} elements by relu and add\n" in text


def test_flops_by_kind_and_by_block() -> None:
    by_kind, by_block = report("flops", subject(networks.vgg16()))
    assert [values[:3] for values in rows(by_kind)] == [("conv 3x3", 13, 15_346_630_656), ("linear", 3, 123_633_664)]
    assert [(v[0], v[2]) for v in rows(by_block)] == [("features", 15_346_630_656), ("classifier", 123_633_664)]
    text = shown("flops", subject(networks.vgg16()))
    assert "VGG16   15_470_264_320 MACs = 30.9G FLOPs" in text
    assert "not counted:\n  elementwise: 13_555_712 elements by relu and dropout\n" in text
    assert "  other: 1_555_456 elements by maxpool, adaptive_avgpool and flatten\n" in text


def test_tables_stand_side_by_side_where_both_fit() -> None:
    about = subject(networks.vgg16())
    wide, narrow = shown("flops", about, columns=120).splitlines(), shown("flops", about, columns=80).splitlines()
    assert "by kind" in wide[2] and "by block" in wide[2]
    assert sum("by kind" in line and "by block" in line for line in narrow) == 0


def test_sort_and_top() -> None:
    (table,) = report("params", subject(networks.vgg16()), Options(sort="params", top=3))
    assert [(v[0], v[4]) for v in rows(table)] == [
        ("classifier.0", 102_764_544),
        ("classifier.3", 16_781_312),
        ("classifier.6", 4_097_000),
    ]
    assert "the first 3 of 16 rows by params" in plain([list(note) for note in table.notes])
    layers, figures = report("memory", subject(networks.vgg16()), Options(sort="alive", top=1))
    assert [v[0] for v in rows(layers)] == ["features.2"] and figures.is_list
    (first, *_), _ = (rows(t) for t in report("summary", subject(networks.vgg16()), Options(top=2)) * 2)
    assert first[0] == "features.0"


def test_an_unknown_column_names_those_that_are_there() -> None:
    with pytest.raises(
        ValueError, match="`sort` is no 'weight': the columns of `params` are layer, operation, weights"
    ):
        report("params", subject(networks.vgg16()), Options(sort="weight"))


def test_claims() -> None:
    text = shown("claims", subject(networks.vgg16(), CLAIMS))
    assert (
        text
        == """\
VGG16   4 claims: 1 fails

          claim                               computed     source
─────────────────────────────────────────────────────────────────────────────────────────────
ok        params ~ 138M                       138_357_544  Simonyan & Zisserman 2015, Table 2
fails     depth == 17                         16
disputed  dispute activations ~ 24M           15_237_608   CS231n
disputed  dispute memory(activations) ~ 93MB  60_950_432   CS231n
"""
    )
    assert "4 claims: all hold" in shown("claims", subject(networks.vgg16(), [CLAIMS[0]] * 4))
    assert "makes no claims" in shown("claims", subject(networks.vgg16()))


def test_training_parts_have_their_own_total() -> None:
    body, (x,) = network("Aux", image(4, 8))
    x = body.one(op("conv", 4, 1), x)
    head = body.group("head", x, op("flatten"), op("linear", 3), training=True)
    about = subject(finish(body, ("logits", x), ("aux", head), training=("aux",)))
    text = shown("summary", about)
    assert "-> logits [4, 8, 8]   N" in text
    assert text.count("head") == 0
    assert "training  with the parts for training" in text and "791" in text


def test_the_batch_scales_bytes_and_nothing_else() -> None:
    about = subject(networks.vgg16(), batch=4)
    assert "N = 4, float32" in shown("memory", about)
    assert "15_237_608 values x 4 bytes x 4 samples = 243_801_728" in shown("memory", about)
    assert "15_470_264_320 MACs" in shown("flops", about)


@pytest.mark.parametrize("columns", [80, 96, 120])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_wider_than_asked(name: str, columns: int) -> None:
    about = subject(NETWORKS[name](), CLAIMS)
    variants = (Options(), Options(full=True), Options(depth=3), Options(top=4))
    for options in (*variants, *([Options(formulas=True)] if columns > 80 else [])):
        for line in shown("all", about, options, columns).splitlines():
            assert width(line) <= columns


@pytest.mark.parametrize("name", NETWORKS)
def test_ascii_is_ascii_and_says_the_same(name: str) -> None:
    about = subject(NETWORKS[name](), CLAIMS)
    lines = plain(render_text(report("all", about), 80, ascii=True)).splitlines()
    assert all(line.isascii() and len(line) <= 80 for line in lines)
    usual = shown("all", about, columns=80).splitlines()
    headers = [line for line in usual if line.startswith(("layer ", "by kind"))]
    assert headers and [line for line in lines if line.startswith(("layer ", "by kind"))] == headers


def test_all_is_every_report_in_turn() -> None:
    about = subject(networks.vgg16(), CLAIMS)
    names = [table.name for table in report("all", about)]
    assert names == [table.name for name in REPORTS[:-1] for table in report(name, about)]


def test_names_cannot_reach_the_terminal() -> None:
    body, (x,) = network("Evil\x1b[31m", image(3, 8))
    net = finish(body, body.one(op("conv", 4, 3), x, label="a\x1b]0;b\x07\n"))
    text = shown("summary", subject(net))
    assert "\x1b" not in text and "\x07" not in text and "Evil\\x1b[31m" in text
    assert "a\\x1b]0;b\\x07\\n" in text


def every_report() -> str:
    return "\n".join(shown("all", subject(make())) for make in NETWORKS.values())


def test_reports_are_the_same_every_time() -> None:
    program = "from tests.unit.test_reports import every_report; print(every_report(), end='')"
    assert {printed(program, seed) for seed in (1, 2)} == {every_report()}


def two_inputs() -> Network:
    body, (left, right) = network("Two", ("left", image(1, 12)), ("right", image(1, 12).with_shape((4,))))
    x = body.one(op("flatten"), body.one(op("conv", 4, 3), left))
    return finish(body, ("map", x), ("vector", right))


ODD = {
    "nothing to count": lambda: sequence(op("relu"), input=image(3, 4)),
    "no operators": lambda: sequence(input=image(3, 4)),
    "one axis": lambda: sequence(op("conv", 2, 3), op("maxpool", 2), input=image(1, 1).with_shape((1, 9))),
    "three axes": lambda: sequence(op("conv", 2, (1, 3, 3), 2), input=image(1, 1).with_shape((1, 4, 8, 9))),
    "two inputs": two_inputs,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_networks_have_all_reports(name: str) -> None:
    about = subject(ODD[name]())
    for options in (Options(), Options(full=True), Options(sort="macs", top=3), Options(formulas=True)):
        tables = report("all", about, options)
        assert plain(render_text(tables, 80)) and render_csv(tables) and render_markdown(tables)
    assert json.loads(render_json([about]))["network"] == about.facts.network.name


def test_lints_are_told_in_the_order_of_the_text_without_claims() -> None:
    source = Source("net.arch", "first\nsecond\n")
    info = Kind("small-field", "info", "A page.")
    warning = Kind("unread-rows", "warning", "A page.")
    fails, unknown = Kind("claim-fails", "error", "A page."), Kind("unknown-path", "error", "A page.")
    found = (
        Diagnostic(info, "second thing", Label(Span(source, 6, 12)), helps=("do this",)),
        Diagnostic(warning, "first thing", Label(Span(source, 0, 5))),
        Diagnostic(fails, "claim does not hold", Label(Span(source, 0, 5))),
        Diagnostic(unknown, "the network has no `first`", Label(Span(source, 0, 5))),
    )
    claims = [Claimed("params == 1", False, 2, "2", problem=found[2]), CLAIMS[1]._replace(problem=found[3])]
    text = shown("lints", subject(networks.vgg16(), claims)._replace(diagnostics=found))
    assert (
        text
        == """\
VGG16   2 findings

         lint         place
─────────────────────────────────────────────────────────
warning  unread-rows  net.arch:1:1  first thing
info     small-field  net.arch:2:1  second thing  do this
`archdsl explain CODE` has more · `archdsl check` shows the text
"""
    )
    assert shown("lints", subject(networks.vgg16())) == "VGG16\n\nthe lints find nothing\n"


@pytest.mark.parametrize(
    ("sizes", "shown"), [((4,), "[4]"), ((4, 5), "[4], [5]"), ((4, 4, 4), "3 × [4]"), ((4, 5, 6, 7), "[4] + 3 more")]
)
def test_of_many_results_the_first_is_shown_and_all_are_written(sizes: tuple[int, ...], shown: str) -> None:
    cell = shapes([TensorType((size,)) for size in sizes])
    assert plain([list(cell.shown or ())]) == f"{shown}\n"
    assert sizes != (4, 5, 6, 7) or cell.value == "[4], [5], [6], [7]"


def test_a_long_path_goes_on_in_a_further_line_between_its_names() -> None:
    columns = (Column("layer", "layer", wraps=True), Column("params", "params", "count"))
    table = Table("t", columns, (row("features.denseblock1.layer.conv", 12), row("a", 3)))
    lines = plain(render_text([table], 28)).splitlines()
    assert lines[2:] == ["features.denseblock1.     12", "layer.conv", "a                          3"]


def test_a_field_known_as_a_bound_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A map that goes on at its other side: the first unit reads both ends, of which only the hull is known."""
    (file := tmp_path / "circle.arch").write_text(
        "network C {\n  input wave: [1, 4000]\n  pad(1, mode=circular) -> a: conv(4, 3)\n"
        "  expect receptive_field(a) == 4000\n  expect receptive_field(a) == 3\n}\n"
    )
    done = Cli(capsys)("check", str(file))
    assert "receptive_field(a) == 4000   4_000, a bound" in done.out
    assert "the receptive field is known as a bound: a unit may read less" in done.err
    assert "≤ 4_000" in Cli(capsys)("report", "summary", str(file)).out
    unit = Cli(capsys)("report", "receptive-field", str(file), "--unit", "a:7")
    assert "unit (7) of a reads at most positions 0..3999" in unit.out


def test_of_turns_that_one_row_stands_for_the_field_is_that_of_the_first(tmp_path: Path, cli: Cli) -> None:
    """Each window of 3 adds 2 rows."""
    (file := tmp_path / "deep.arch").write_text(
        "network Deep { input image: [3, 8, 8]; repeat 1000 { conv(3, 3x3, pad=1) } }\n"
    )
    out = cli("report", "receptive-field", file).out
    (number,) = re.findall(r"^(\d+)  ×", out, re.MULTILINE)
    size = 2 * int(number) + 3
    assert re.search(rf"^{number}  ×\d+ +3x3 +{size} x {size} ", out, re.MULTILINE)
    assert "×n: the field behind the first of n alike" in out


def test_of_two_axes_it_is_said_along_which_one_a_field_is() -> None:
    net = sequence(op("conv", 8, 3, pad=1), input=TensorType((20, 8)))
    first, *_ = shown("receptive-field", subject(net)).splitlines()
    assert first.endswith("[20, 8]   along axis 1; axis 0 counts as channels")
    assert "along" not in shown("receptive-field", subject(networks.vgg16())).splitlines()[0]
