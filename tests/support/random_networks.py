"""Random networks of merges, blocks, groups, aliases and activations: hunting grounds for wrong decisions on storage."""

from __future__ import annotations

from random import Random

from archdsl.ir import Module, Network, Op, TensorType, Value
from tests.support.build import Body, block, end, finish, image, network, op

ELEMENTWISE = ("relu", "relu", "relu", "leaky_relu", "elu", "sigmoid", "relu6", "bn", "bn", "dropout", "lrn")


def random_network(seed: int, size: int = 12, training: bool = False) -> Network:
    """A network on `[4, 6, 6]` with one or two outputs; with `training`, also one that exists only while training."""
    random = Random(seed)
    body, (x,) = network(f"Net{seed}", image(4, 6))
    values = _grow(body, random, [body.one(op("conv", 4, 1), x)], size, depth=2)
    outputs = random.sample(values[1:], min(random.choice((1, 1, 2)), len(values) - 1))
    if not training:
        return finish(body, *outputs)
    head = body.group("head", random.choice(values), op("conv", 2, 1), op("relu"), training=True)
    return finish(body, *outputs, ("aux", head), training=("aux",))


def _grow(body: Body, random: Random, values: list[Value], size: int, depth: int) -> list[Value]:
    """The values with those of further layers, each of which reads a random value, mostly a recent one."""
    values = list(values)
    blocks: list[Module] = []
    for _ in range(size):
        x = random.choice(values[-3:] if random.random() < 0.8 else values)
        kind = random.random()
        if kind < 0.2 and depth:
            values += _call(body, random, blocks, x, size, depth)
        elif kind < 0.3:
            layers = [_layer(random) for _ in range(random.randint(1, 4))]
            layers.insert(random.randrange(len(layers)), op("identity"))
            values.append(body.group(_label(body, "group"), x, *layers))
        elif kind < 0.5:
            values.append(_merge(body, random, x, values))
        elif kind < 0.55 and x.type.channels % 2 == 0:
            values += body.each(op("split", 2), x)
        else:
            label = _label(body, "layer") if random.random() < 0.5 else ""
            values.append(body.one(_layer(random), x, label=label))
    return values


def _label(body: Body, stem: str) -> str:
    return f"{stem}{len(body.builder.module.nodes)}"


def _layer(random: Random) -> Op:
    if random.random() < 0.4:
        return op("conv", random.choice((4, 4, 8)), random.choice((1, 3)), pad="half")
    return op(random.choice(ELEMENTWISE))


def _merge(body: Body, random: Random, x: Value, values: list[Value]) -> Value:
    """A sum or product with values of the same type, or all of them in one list of channels."""
    others = random.sample(values, random.randint(1, min(2, len(values))))
    same = [v for v in others if v.type == x.type]
    if not same or random.random() < 0.3:
        return body.one(op("concat"), x, *others)
    return body.one(op(random.choice(("add", "add", "add", "multiply", "maximum"))), x, *same)


def _call(body: Body, random: Random, blocks: list[Module], x: Value, size: int, depth: int) -> list[Value]:
    """A call of a block: of a new one, or again of one that takes such a value."""
    fitting = [b for b in blocks if b.inputs[0].type == x.type]
    if fitting and random.random() < 0.5:
        return list(body.each(random.choice(fitting), x, label=_label(body, "call")))
    blocks.append(_block(random, x.type, max(size // 2, 1), depth - 1))
    shared = random.random() < 0.2
    label = _label(body, "call")
    results = list(body.each(blocks[-1], x, label=label))
    return results + list(body.each(blocks[-1], x, label=label)) if shared else results


def _block(random: Random, type: TensorType, size: int, depth: int) -> Module:
    body, (x,) = block(random.choice(("unit", "cell", "mix")), type)
    values = _grow(body, random, [x], random.randint(1, size), depth)
    return end(body, *random.sample(values, min(random.choice((1, 1, 2)), len(values))))
