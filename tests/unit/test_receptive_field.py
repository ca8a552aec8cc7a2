"""Receptive fields against published tables."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.receptive_field import FieldFacts, UnitRows
from archdsl.analyses.receptive_field.axis import taps
from archdsl.elaborate import Settings
from archdsl.ir import Network, Op, OpenSize, Rows, Size, TensorType
from archdsl.ops.families.windows import transposed_rows
from archdsl.pipeline import open_spec
from tests.support.build import Body, finish, image, network, op, sequence
from tests.support.cli import Cli
from tests.support.networks import alexnet, alexnet_two_gpus, lenet5, vgg16

SPECS = Path(__file__).parents[2] / "specs"


def spec(file: str, name: str) -> FieldFacts:
    return open_spec(SPECS / f"{file}.arch").check(name).facts.fields


def fields(net: Network) -> FieldFacts:
    return Facts(net).fields


def size(facts: FieldFacts, path: str) -> tuple[int, ...]:
    field = facts.of(path)
    assert field is not None
    return field.size


def stride(facts: FieldFacts, path: str) -> tuple[int | Fraction | None, ...]:
    field = facts.of(path)
    assert field is not None
    return tuple(axis.stride for axis in field.axes)


def test_vgg16() -> None:
    """Araujo, Norris & Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks": 212, 32, 90."""
    facts = fields(vgg16())
    windows = [r.path for r in facts.rows if r.path.startswith("features") and r.layer.op.name != "relu"]
    assert [size(facts, path)[0] for path in windows] == [
        *(3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212)
    ]
    last = facts.of("features")
    assert last is not None and last.status == "exact"
    assert [(a.size, a.stride, a.start, a.centre) for a in last.axes] == [(212, 32, -90, 16.0)] * 2
    assert facts.unit("features.30", (3, 3)) == (UnitRows(6, 217), UnitRows(6, 217))
    assert facts.unit("features", (0, 6)) == (UnitRows(-90, 121), UnitRows(102, 313))


def test_alexnet() -> None:
    """Araujo, Norris & Sim 2019: alexnet_v2's pool5 has 195, stride 32; both forms agree."""
    for facts, path in ((fields(alexnet()), "features.12"), (fields(alexnet_two_gpus()), "gpu1_late.2")):
        assert size(facts, path) == (195, 195) and stride(facts, path) == (32, 32)


def test_the_two_gpus_see_the_same() -> None:
    facts = fields(alexnet_two_gpus())
    assert facts.of("gpu0.5") == facts.of("gpu1.5") == facts.of("concat")
    assert facts.of("gpu0_late.2", "gpu1_late.2") == facts.of("concat_2")


@pytest.mark.parametrize(("count", "expected"), [(1, 3), (2, 5), (3, 7)])
def test_stacked_3x3_see_what_one_larger_window_sees(count: int, expected: int) -> None:
    """Simonyan & Zisserman 2015, section 2.3."""
    facts = fields(sequence(*[op("conv", 4, 3)] * count, input=image(3, 32)))
    assert size(facts, "logits") == (expected, expected)


def test_lenet5_reads_the_whole_image_by_windows_alone() -> None:
    facts = fields(lenet5())
    field = facts.of("c5")
    assert field is not None and (field.size, field.status) == ((32, 32), "exact")


def test_global_operators_read_the_whole_input() -> None:
    facts = fields(vgg16())
    field = facts.of("classifier.0")
    assert field is not None and field.status == "whole input" and field.size == (224, 224)
    assert facts.unit("classifier.0", ()) == (UnitRows(0, 223), UnitRows(0, 223))


def test_flattened_units_have_no_place() -> None:
    facts = fields(vgg16())
    assert size(facts, "0") == (212, 212) and stride(facts, "0") == (None, None)
    assert facts.unit("0", ()) is None


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (op("conv", 2, (3, 5), (1, 2), pad="half"), [(3, 1, -1), (5, 2, -2)]),
        (op("conv", 2, 3, dilation=(2, 3), pad=(2, 0)), [(5, 1, -2), (7, 1, 0)]),
        (op("conv", 2, 2, pad="same"), [(2, 1, 0), (2, 1, 0)]),
        (op("avgpool", 2, 2), [(2, 2, 0), (2, 2, 0)]),
        (op("adaptive_avgpool", (4, 2)), [(3, 3, 0), (6, 6, 0)]),
        (op("bn"), [(1, 1, 0), (1, 1, 0)]),
    ],
    ids=lambda value: value.summary() if isinstance(value, Op) else "",
)
def test_axes_go_their_own_ways(layer: Op, expected: list[tuple[int, int, int]]) -> None:
    field = fields(sequence(layer, input=image(3, 12))).of("logits")
    assert field is not None
    assert [(axis.size, axis.stride, axis.start) for axis in field.axes] == expected


@pytest.mark.parametrize("dilation", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_rows_that_a_transposed_window_writes_to(window: int, stride: int, dilation: int) -> None:
    """Input row i writes to the output rows i * stride - before + dilation * tap."""
    before = 1
    rows = transposed_rows(1, window, stride, dilation, before)
    assert isinstance(rows, Rows)
    for unit in range(4 * stride, 6 * stride):
        places = [(i, i * stride - before + dilation * tap) for i in range(-50, 50) for tap in range(window)]
        writers = [i for i, place in places if place == unit]
        assert list(taps(rows, unit)) == sorted(writers)


def test_a_stride_too_long_to_list_has_a_bound() -> None:
    field = fields(sequence(op("conv_transpose", 1, 2, stride=2**24), input=image(1, 4))).of("logits")
    assert field is not None and field.status == "bound" and field.size == (4, 4)


def test_one_and_three_axes() -> None:
    signal = sequence(op("conv", 4, 5, 2), op("maxpool", 2), input=TensorType((1, 100)))
    volume = sequence(op("conv", 4, 3, pad=1), op("conv", 4, (1, 3, 3)), input=TensorType((1, 8, 9, 10)))
    assert size(fields(signal), "logits") == (7,)
    assert size(fields(volume), "logits") == (3, 5, 5)


def joined(merge: Op, *arms: tuple[Op, ...], size: int = 16) -> Network:
    body, (x,) = network("Joined", image(4, size))
    return finish(body, body.one(merge, *(body.chain(x, *arm) for arm in arms)))


def test_a_join_is_the_union_of_its_arms() -> None:
    wide, narrow = (op("conv", 4, 5, pad=2),), (op("conv", 4, 3, pad=1),)
    field = fields(joined(op("add"), wide, narrow, ())).of("logits")
    assert field == fields(joined(op("add"), wide)).of("logits")


@pytest.mark.parametrize(
    ("file", "name", "path", "least"),
    [
        ("resnet", "ResNet50", "layer4", 7 + 2 * 2),  # the shortcuts are 1x1
        (
            "googlenet",
            "GoogLeNet",
            "inception5b.concat",
            7 + 2 * 2 + 2 * 4 + 2 * 4 + 2 * 8 + 1 * 16,
        ),  # 1x1, and the pools
        ("densenet", "DenseNet121", "features.denseblock4.concat_16", 7 + 2 * 2 + 4 + 8 + 16),  # transitions halve
        ("vgg16", "VGG16", "features.30", 212),
    ],
)
def test_the_shortest_path_by_hand(file: str, name: str, path: str, least: int) -> None:
    facts = open_spec(SPECS / f"{file}.arch").check(name).facts.narrowest_fields
    assert size(facts, path) == (least, least)


@pytest.mark.parametrize("seed", range(20))
def test_the_shortest_path_is_the_least_of_all_paths(seed: int) -> None:
    """Each path alone is a chain, whose field is r + (k - 1) j."""
    random = Random(seed)
    body, (x,) = network("Net", image(1, 64))
    sums = {x: [1]}
    values = [x]
    for _ in range(8):
        if len(values) > 1 and random.random() < 0.5:
            arms = random.sample(values, 2)
            made = body.one(op("add"), *arms)
            sums[made] = [*sums[arms[0]], *sums[arms[1]]]
        else:
            source, half = random.choice(values), random.randrange(4)
            made = body.one(op("conv", 1, 2 * half + 1, pad=half), source)
            sums[made] = [size + 2 * half for size in sums[source]]
        values.append(made)
    facts = Facts(finish(body, values[-1]))
    (width,) = {*size(facts.fields, "logits")}
    (narrow,) = {*size(facts.narrowest_fields, "logits")}
    assert (narrow, width) == (min(sums[values[-1]]), max(sums[values[-1]]))


def test_arms_that_lean_to_different_sides() -> None:
    up, down = (op("conv", 4, 3, pad=((2, 0), (1, 1))),), (op("conv", 4, 3, pad=((0, 2), (1, 1))),)
    field = fields(joined(op("concat"), up, down)).of("logits")
    assert field is not None and field.status == "exact"
    assert [(axis.size, axis.start) for axis in field.axes] == [(5, -2), (3, -1)]


def test_a_global_gate_shows_every_unit_the_whole_input() -> None:
    net = joined(op("multiply"), (op("conv", 4, 3, pad=1),), (op("avgpool", "global"),))
    field = fields(net).of("logits")
    assert field is not None and (field.status, field.size) == ("whole input", (16, 16))


def test_arms_of_different_strides_have_a_bound() -> None:
    """A 2x2 pool of stride 2 beside the first 8 rows, one by one: unit 7 reads rows 14, 15 and row 7."""
    net = joined(op("add"), (op("maxpool", 2),), (op("conv", 4, 9),))
    facts = fields(net)
    field = facts.of("logits")
    assert field is not None and field.status == "bound"
    for unit in range(8):
        real = {2 * unit, 2 * unit + 1, *range(unit, unit + 9)}
        known = facts.unit("logits", (unit, unit))
        assert known is not None and known[0].first <= min(real) and known[0].last >= max(real)
    assert max(field.size) <= 16


def siamese() -> Network:
    body, (left, right) = network("Siamese", ("left", image(1, 12)), ("right", image(1, 12)))
    a = body.chain(left, op("conv", 4, 3))
    b = body.chain(right, op("conv", 4, 5, pad=1))
    return finish(body, body.one(op("subtract"), a, b))


def test_a_field_is_towards_one_input() -> None:
    facts = fields(siamese())
    assert facts.input == "left"
    assert size(facts, "0") == (3, 3) and facts.of("1") is None
    assert size(facts, "logits") == (3, 3)


def test_networks_without_spatial_axes_have_no_field() -> None:
    facts = fields(sequence(op("linear", 3), input=TensorType((8,))))
    field = facts.of("logits")
    assert field is not None and field.axes == ()


def test_a_network_without_an_input_has_no_field(cli: Cli, tmp_path: Path) -> None:
    spec = tmp_path / "case.arch"
    spec.write_text("network A { table: parameter([8]) }\n")
    for report in ("summary", "receptive-field", "all"):
        done = cli("report", report, spec)
        assert done.code == 0 and not done.err
    assert "there is no input" in cli("report", "receptive-field", spec).out
    assert json.loads(cli("report", "summary", spec, "--format", "json").out)["inputs"] == []
    assert cli("report", "summary", spec, "--format", "html").code == 0


def test_a_unit_that_is_not_there() -> None:
    facts = fields(sequence(op("conv", 4, 3), input=image(3, 6, 8)))
    with pytest.raises(IndexError, match="4x6"):
        facts.unit("0", (4, 0))
    with pytest.raises(IndexError):
        facts.unit("0", (0,))
    with pytest.raises(KeyError):
        facts.unit("nowhere", (0, 0))


def test_a_group_has_the_field_of_its_result() -> None:
    body, (x,) = network("Grouped", image(3, 16))
    x = body.group("stem", x, op("conv", 4, 3), op("relu"))
    assert isinstance(body, Body)
    facts = fields(finish(body, x))
    assert facts.of("stem") == facts.of("stem.1") == facts.of("logits")


def test_inception_v2() -> None:
    """Araujo et al. 2019, "Computing receptive fields of convolutional neural networks", Table 1."""
    assert size(spec("inception_v2", "InceptionV2"), "inception5b.concat") == (699, 699)


def test_googlenet() -> None:
    """Szegedy et al. 2015, Table 1, by hand: windows of 7, 3, 3 and 3, and then in each module the widest is 5x5. The last
    of the pools has torchvision's 2x2, which reads 16 rows less than the table's."""
    facts = spec("googlenet", "GoogLeNet")
    stem = 7 + 2 * 2 + 2 * 4 + 2 * 4
    threes = stem + 2 * (4 * 8)
    fours = threes + 2 * 8 + 5 * (4 * 16)
    fives = fours + 16 + 2 * (4 * 32)
    assert (size(facts, "maxpool2"), size(facts, "inception3b.concat")) == ((stem,) * 2, (threes,) * 2)
    assert (size(facts, "inception4e.concat"), size(facts, "inception5b.concat")) == ((fours,) * 2, (fives,) * 2)


OPEN = [(file, name) for file, names in {
    "unet": ("UNet", "UNetColour"), "fcn": ("FCN32s", "FCNResNet50"), "lectures": ("FullyConvolutional",),
}.items() for name in names]  # fmt: skip


@pytest.mark.parametrize(("file", "name"), OPEN)
def test_what_is_told_for_all_sizes_is_so_at_each(file: str, name: str) -> None:
    program = open_spec(SPECS / f"{file}.arch").program
    built = program.build_open(name)
    assert built.network is not None and built.domain is not None
    for_all, domain, found = fields(built.network), built.domain, 0
    for more in range(40):
        sizes = {symbol: example + more for symbol, example in domain.example.items()}
        if not all(condition.at(sizes) for condition in domain.conditions):
            continue
        at = program.build(name, Settings(dict(sizes))).network
        assert at is not None
        definite = fields(at)
        for path in for_all.flat.paths:
            try:
                told = for_all.of(path)
            except OpenSize:
                continue
            field = definite.of(path)
            assert (told is None) == (field is None)
            if told is not None and field is not None:
                found += 1
                assert tuple(n.at(sizes) if isinstance(n, Size) else n for n in told.size) == field.size
    assert found > 50
