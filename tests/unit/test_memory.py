"""Memory against measured and published figures, without PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.memory import LectureFacts, MemoryFacts, Size
from archdsl.ir import Network, TensorType
from tests.support import networks
from tests.support.build import block, end, finish, image, network, op, sequence, vgg16

MEASURED = json.loads((Path(__file__).parents[1] / "data" / "live_bytes.json").read_text("utf-8"))["models"]


def facts(net: Network, batch: int = 1) -> MemoryFacts:
    return Facts(net, batch).memory


def lecture(net: Network) -> LectureFacts:
    return facts(net).lecture


@pytest.mark.parametrize("batch", ["1", "8"])
@pytest.mark.parametrize("model", MEASURED)
def test_published_models_hold_what_was_measured(model: str, batch: str) -> None:
    found, measured = facts(networks.published(model), int(batch)), MEASURED[model][batch]
    assert {
        "saved": found.saved.bytes_with_loss,
        "peak": found.figure("peak").bytes,
        "parameters": found.parameters,
        "buffers": found.buffers,
        "inputs": found.inputs,
    } == measured


def test_vgg16_peaks_in_its_second_convolution() -> None:
    found = facts(vgg16())
    assert found.activation_peak == 25_690_112
    assert 553_430_176 + 0 + 602_112 + 25_690_112 == 579_722_400 == found.figure("peak").bytes
    assert found.at is not None and found.at.layer == "features.2"
    assert [(block.layer, block.bytes) for block in found.at.live] == [
        ("features.0", 12_845_056),
        ("features.2", 12_845_056),
    ]
    assert found.saved.bytes == 73_355_264
    assert found.saved.bytes_with_loss == 73_359_276


def test_the_timeline_leaves_out_what_the_caller_holds() -> None:
    moments = facts(vgg16()).inference.moments
    assert [m.step for m in moments] == list(range(1, 41))
    first, relu, second = moments[:3]
    assert (first.layer, first.bytes) == ("features.0", 12_845_056)
    assert (relu.layer, relu.bytes) == ("features.1", 12_845_056)
    assert (second.layer, second.bytes) == ("features.2", 25_690_112)
    assert max(m.bytes for m in moments) == 25_690_112


def test_a_max_pool_makes_its_indices_in_inference_too() -> None:
    moment = facts(vgg16()).inference.moments[4]
    assert [(b.what, b.bytes) for b in moment.touched] == [
        ("output", 12_845_056),
        ("output", 3_211_264),
        ("indices", 6_422_528),
    ]


def test_every_figure_has_a_convention_and_a_status() -> None:
    figures = {figure.name: figure for figure in facts(vgg16()).figures}
    assert (figures["activations"].convention, figures["activations"].bytes) == ("lecture", 60_950_432)
    assert {f.convention for f in figures.values()} == {"lecture", "tensor bytes", "floor"}
    assert [f.name for f in figures.values() if f.status != "exact"] == ["floor"]
    with pytest.raises(KeyError):
        facts(vgg16()).figure("nothing")


def test_a_call_holds_its_operand_until_it_returns() -> None:
    """x -> {conv, conv, conv}: the group's frame holds x, 8 x 8 x 4 values of 4 bytes, to its end."""
    one = op("conv", 4, 1)
    body, (x,) = network("Net", image(4, 8))
    x = body.one(op("sigmoid"), x)
    found = facts(finish(body, body.group("inside", x, one, one, one)))
    assert (found.activation_peak, found.inference.floor) == (3 * 1024, 2 * 1024)


def test_a_value_is_dropped_after_its_last_use() -> None:
    one = op("conv", 4, 1)
    assert facts(sequence(one, one, one, one, input=image(4, 8))).activation_peak == 2 * 1024


def test_what_a_skip_holds_is_alive_between() -> None:
    one = op("conv", 4, 1)
    body, (x,) = network("Net", image(4, 8))
    tap = body.one(one, x)
    deep = body.chain(tap, one, one, one)
    found = facts(finish(body, body.one(op("concat"), deep, tap)))
    assert found.at is not None and found.at.layer == "concat"
    assert found.activation_peak == (1 + 1 + 2) * 1024


def test_views_and_in_place_operators_make_nothing() -> None:
    body, (x,) = network("Net", image(4, 8))
    x = body.chain(x, op("conv", 4, 1), op("relu"))
    halves = body.each(op("split", 2), x)
    found = facts(finish(body, *(body.one(op("flatten"), half) for half in halves)))
    assert {m.bytes for m in found.inference.moments} == {1024}


def test_dropout_is_the_identity_in_inference() -> None:
    found = facts(sequence(op("sigmoid"), op("dropout", 0.5), input=image(4, 8)))
    assert found.activation_peak == 1024 and found.saved.bytes == 0


def test_results_that_nobody_reads_die_at_once() -> None:
    body, (x,) = network("Net", image(4, 8))
    body.one(op("conv", 4, 1), x, label="unread")
    found = facts(finish(body, body.chain(x, op("conv", 4, 1))))
    assert found.activation_peak == 1024


def test_what_several_operators_keep_counts_once() -> None:
    """Two convolutions of one value keep it once; their sum keeps nothing."""
    body, (x,) = network("Net", image(4, 8))
    tap = body.one(op("conv", 4, 1), x)
    arms = [body.one(op("conv", 4, 1), tap) for _ in range(2)]
    found = facts(finish(body, body.one(op("add"), *arms))).saved
    assert [*found.sizes] == [("value", "float32")]
    assert found.of({"image", "0", "1", "2"}) == {"image": Size(0, 1024), "0": Size(0, 1024)}
    assert found.bytes == 2 * 1024


def test_saved_bytes_grow_with_the_batch_but_for_statistics() -> None:
    found = facts(sequence(op("conv", 4, 1), op("bn"), input=image(4, 8)), batch=3).saved
    assert found.size == Size(2 * 4 * 4, 2 * 1024)
    assert found.bytes == 32 + 3 * 2048


def test_the_loss_of_a_map_has_a_class_for_each_place() -> None:
    found = facts(sequence(op("conv", 5, 1), input=image(4, 8)), batch=2).saved
    assert found.bytes_with_loss - found.bytes == 2 * 5 * 64 * 4 + 2 * 64 * 8 + 4


def test_a_shared_instance_has_its_parameters_once() -> None:
    body, (x,) = block("unit", image(4, 8))
    unit = end(body, body.one(op("conv", 4, 1), x))
    outer, (x,) = network("Net", image(4, 8))
    x = outer.one(unit, outer.one(unit, x, label="unit"), label="unit")
    found = facts(finish(outer, x))
    assert found.parameters == (16 + 4) * 4
    assert (found.lecture.weights, found.lecture.biases) == (16, 4)


def test_training_parts_keep_but_do_not_run_in_inference() -> None:
    body, (x,) = network("Net", image(4, 8))
    x = body.one(op("conv", 4, 1), x)
    head = body.one(op("linear", 3), body.one(op("flatten"), x, training=True), label="head", training=True)
    found = facts(finish(body, ("logits", x), ("aux", head), training=("aux",)))
    assert [m.layer for m in found.inference.moments] == ["0"]
    assert found.saved.bytes == 2 * 1024
    assert (found.parameters, found.for_training) == ((16 + 4) * 4 + (256 * 3 + 3) * 4, (256 * 3 + 3) * 4)


def test_an_instance_that_training_uses_first_is_no_part_for_training() -> None:
    body, (x,) = network("Net", image(4, 8))
    aux = body.one(op("linear", 3), body.one(op("relu"), x), label="head", training=True)
    y = body.one(op("linear", 3), x, label="head")
    found = facts(finish(body, ("logits", y), ("aux", aux), training=("aux",)))
    assert (found.parameters, found.for_training) == ((8 * 3 + 3) * 4, 0)


def test_a_network_without_operators_holds_nothing() -> None:
    body, (x,) = network("Net", image(4, 8))
    found = facts(finish(body, x))
    assert (found.at, found.activation_peak, found.figure("peak").bytes) == (None, 0, 1024)


VALUES = {
    "image": 150_528,
    "features.0": 3_211_264,
    "features.2": 3_211_264,
    "features.4": 802_816,
    "features.5": 1_605_632,
    "features.7": 1_605_632,
    "features.9": 401_408,
    "features.10": 802_816,
    "features.12": 802_816,
    "features.14": 802_816,
    "features.16": 200_704,
    "features.17": 401_408,
    "features.19": 401_408,
    "features.21": 401_408,
    "features.23": 100_352,
    "features.24": 100_352,
    "features.26": 100_352,
    "features.28": 100_352,
    "features.30": 25_088,
    "classifier.0": 4_096,
    "classifier.3": 4_096,
    "classifier.6": 1_000,
}
"""CS231n, "VGGNet in detail": the column `memory`, by our paths."""


def test_vgg16_has_the_lectures_table() -> None:
    """CS231n's notes print the rows, and as their sum 24M; the rows add up to 15.2M."""
    table = lecture(vgg16())
    assert {row.path: row.numel for row in table.rows} == VALUES
    assert table.values == sum(VALUES.values()) == 15_237_608
    assert (table.weights, table.biases) == (138_344_128, 13_416)
    assert table.weights + table.biases == 138_357_544


def row(net: Network, path: str) -> tuple[tuple[int, ...], tuple[int, ...], int, int]:
    found = next(r for r in lecture(net).rows if r.path == path)
    return found.fan_in, found.outputs, found.weights, found.biases


def test_weights_are_products_with_the_height_first() -> None:
    assert row(vgg16(), "features.2") == ((3, 3, 64), (64,), 36_864, 64)
    assert row(vgg16(), "classifier.0") == ((7, 7, 512), (4096,), 102_760_448, 4096)
    assert row(vgg16(), "classifier.3") == ((4096,), (4096,), 16_777_216, 4096)


def test_a_linear_layer_reads_the_map_that_was_flattened() -> None:
    """Through dropout, as in torchvision's AlexNet: (6*6*256)*4096."""
    assert row(networks.alexnet(), "classifier.1")[:2] == ((6, 6, 256), (4096,))


def test_a_linear_layer_of_tokens_reads_one_token() -> None:
    net = sequence(op("linear", 6), op("relu"), op("linear", 3), input=TensorType((10, 4)))
    assert row(net, "2") == ((6,), (3,), 18, 3)


def test_weights_that_are_no_product_of_windows() -> None:
    assert row(networks.lenet5(), "c3") == ((), (), 1_500, 16)
    assert row(networks.lenet5(), "s2") == ((), (), 6, 6)
    assert row(sequence(op("bn"), input=image(3, 4)), "0") == ((), (), 3, 3)


def test_groups_and_unshared_weights() -> None:
    assert row(sequence(op("conv", 8, 5, groups=2), input=image(6, 8)), "0")[:2] == ((5, 5, 3), (8,))
    unshared = row(sequence(op("locally_connected", 2, 3), input=image(1, 8)), "0")
    assert unshared[:3] == ((3, 3, 1), (6, 6, 2), 9 * 72)


def test_vectors_and_signals() -> None:
    table = lecture(sequence(op("conv", 4, 3), op("flatten"), op("linear", 2), input=TensorType((1, 10))))
    assert [(r.path, r.values) for r in table.rows] == [("image", (10, 1)), ("0", (8, 4)), ("2", (2,))]
    assert table.rows[2].fan_in == (8, 4)
