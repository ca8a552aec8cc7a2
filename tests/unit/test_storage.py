"""Which operators run in place: the rule on the smallest graphs that show each of its parts."""

from __future__ import annotations

import pytest

from archdsl.analyses.storage import StorageFacts, is_identity, storage
from archdsl.ir import Module, Network, Node, Value
from tests.support.build import Body, block, end, finish, image, network, op

CONV = op("conv", 4, 1)
RELU = op("relu")
X = image(4, 6)


def in_place(*outputs: Value, body: Body) -> set[str]:
    """The names of the network's own operators that run in place."""
    net = finish(body, *outputs)
    facts = storage(net)
    return {n.name for n in net.body.nodes if n in facts.in_place}


def start() -> tuple[Body, Value]:
    body, (x,) = network("Net", X)
    return body, x


@pytest.mark.parametrize(
    ("before", "runs_in_place"),
    [
        (("conv", 4, 1), True),
        (("bn",), True),
        (("maxpool", 2), True),
        (("avgpool", 2), True),
        (("gelu",), True),
        # Their backward reads the result.
        (("relu",), False),
        (("sigmoid",), False),
        (("leaky_relu",), False),
        (("softmax", 0), False),
        # The result is, or may be, in the storage of another value.
        (("flatten",), False),
        (("dropout", 0.5), False),
    ],
)
def test_what_stands_before_decides(before: tuple[object, ...], runs_in_place: bool) -> None:
    body, x = start()
    name, *args = before
    assert isinstance(name, str)
    x = body.chain(x, CONV, op(name, *args), ("act", RELU))
    assert ("act" in in_place(x, body=body)) == runs_in_place


def test_only_what_offers_it() -> None:
    body, x = start()
    for name in ("sigmoid", "relu6", "silu", "gelu", "softplus"):
        x = body.chain(x, CONV, (name, op(name)))
    assert in_place(x, body=body) == {"relu6", "silu"}, "of which PyTorch copies the operand where backward needs it"


def test_an_input_is_the_callers() -> None:
    body, x = start()
    assert in_place(body.chain(x, ("act", RELU)), body=body) == set()


def test_a_value_with_another_reader_stays() -> None:
    body, x = start()
    y = body.one(CONV, x)
    z = body.one(RELU, y, label="act")
    assert in_place(body.one(op("add"), z, y, label="sum"), body=body) == set()


def test_an_output_stays() -> None:
    body, x = start()
    y = body.one(CONV, x)
    assert in_place(y, body.one(RELU, y, label="act"), body=body) == set()


def test_a_reader_that_exists_only_while_training_counts() -> None:
    body, x = start()
    y = body.one(CONV, x)
    body.group("head", y, CONV, training=True)
    assert in_place(body.one(RELU, y, label="act"), body=body) == set()


def test_parts_of_a_split_stay() -> None:
    body, x = start()
    a, b = body.each(op("split", 2), body.one(CONV, x))
    z = body.one(op("concat"), body.one(RELU, a, label="act"), b)
    assert in_place(z, body=body) == set()


def test_an_identity_is_another_name() -> None:
    body, x = start()
    y = body.chain(x, CONV, op("identity"), op("identity"))
    assert in_place(body.one(RELU, y, label="act"), body=body) == {"act"}


def test_a_reader_under_another_name_counts() -> None:
    body, x = start()
    y = body.one(CONV, x)
    z = body.one(RELU, body.one(op("identity"), y), label="act")
    assert in_place(body.one(op("concat"), z, y), body=body) == set()


def test_uses_of_a_shared_instance_stay() -> None:
    body, x = start()
    for _ in range(2):
        x = body.chain(x, CONV, ("act", RELU))
    assert in_place(x, body=body) == set()


def added(first: Value, *others: Value, body: Body) -> bool:
    return "sum" in in_place(body.one(op("add"), first, *others, label="sum"), body=body)


def test_a_sum_of_two_accumulates_into_the_first() -> None:
    body, x = start()
    assert added(body.chain(x, CONV, op("bn")), x, body=body)


def test_a_sum_does_not_accumulate_into_what_is_read_elsewhere_or_kept() -> None:
    body, x = start()
    assert not added(x, body.one(CONV, x), body=body)
    body, x = start()
    assert not added(body.chain(x, CONV, RELU), x, body=body)
    body, x = start()
    y = body.one(CONV, x)
    assert not added(y, y, body=body)


def test_a_sum_of_three_or_into_a_gate_makes_a_tensor() -> None:
    body, x = start()
    assert not added(body.one(CONV, x), x, x, body=body)
    body, x = start()
    gate = body.chain(x, op("avgpool", "global"), CONV)
    assert not added(gate, x, body=body)


def called(module: Module, result: int = 0) -> bool:
    """Whether an activation overwrites the result of a call."""
    body, x = start()
    results = body.each(module, x)
    return "act" in in_place(body.one(RELU, results[result], label="act"), body=body)


def test_the_result_of_a_call_is_as_fresh_as_in_the_module() -> None:
    body, (x,) = block("fresh", X)
    assert called(end(body, body.chain(x, RELU, CONV)))
    body, (x,) = block("kept", X)
    assert not called(end(body, body.chain(x, CONV, RELU)))
    body, (x,) = block("alias", X)
    assert not called(end(body, body.one(op("identity"), x)))


def test_a_result_that_the_module_reads_or_gives_twice_stays() -> None:
    body, (x,) = block("pair", X)
    y = body.one(CONV, x)
    z = body.one(CONV, y)
    module = end(body, y, z)
    assert [called(module, 0), called(module, 1)] == [False, True]
    body, (x,) = block("twice", X)
    y = body.one(CONV, x)
    assert not called(end(body, y, y))


def test_calls_of_calls() -> None:
    inner, (x,) = block("inner", X)
    kept = end(inner, inner.chain(x, CONV, RELU))
    outer, (x,) = block("outer", X)
    assert not called(end(outer, outer.one(kept, x)))


def facts_of(*layers: str) -> tuple[Network, StorageFacts]:
    body, x = start()
    net = finish(body, body.chain(x, CONV, *(op(name) for name in layers)))
    return net, storage(net)


def test_whose_storage_a_result_is_in() -> None:
    net, facts = facts_of("relu", "flatten", "identity", "sigmoid")
    assert [facts.shared_operand(n) for n in net.body.nodes] == [None, 0, 0, 0, None]


def test_identities_are_told_from_views() -> None:
    net, _ = facts_of("relu", "flatten", "identity", "dropout")
    found: list[Node] = [n for n in net.body.nodes if is_identity(n)]
    assert [n.operator for n in found] == [op("identity")]
