"""Networks of operators that move, share and learn tensors, compiled and run: what archdsl says is what PyTorch does."""

from __future__ import annotations

from functools import cache
from math import prod
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from archdsl.analyses import Facts
from archdsl.analyses.storage import StorageFacts
from archdsl.backends.pytorch import build
from archdsl.ir import Misfit, Module, Network, Op, TensorType, Value, print_network, read_network
from archdsl.ops import find
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.support.build import Body, finish, network, op
from tests.support.live import activation_peak, saved_bytes
from tests.support.lowered import sample

torch.set_num_threads(1)

SPECS = {
    "vision transformer": """
        block mlp(hidden) { linear(hidden) -> gelu -> linear(in.features) }
        block layer(heads) {
          add { | identity | ln_1: ln -> attention: attention(heads) -> dropout(0.1) }
          add { | identity | ln_2: ln -> mlp: mlp(24) -> drop_path(0.2) }
        }
        network Net {
          input image: [3, 16, 16]
          patches: conv(12, 4, stride=4)
          flatten(1) -> permute([1, 0])
          concat { | class_token: parameter([1, 1, 12]) | identity }
          encoder: {
            add { | identity | positions: parameter([1, 17, 12], init=ones) }
            repeat 2 { layer(2) }
            ln: ln
          }
          select(0)
          head: linear(5)
        }""",
    "channels last": """
        block unit {
          add {
            | multiply {
                | block: { depthwise(3x3, pad=1) -> permute([1, 2, 0]) -> ln -> linear(2 * in.channels) -> gelu
                           linear(in.channels) -> permute([2, 0, 1]) }
                | scale: parameter([in.channels, 1, 1], init=1e-6)
              }
            | identity
          }
        }
        network Net {
          input image: [3, 16, 16]
          stem: { conv(8, 2, stride=2) -> ln(axis=0) }
          repeat 2 { unit }
          conv(6, 3x3) -> bn -> relu -> maxpool(2x2)
          flatten
          head: linear(5)
        }""",
    "encoder and decoder": """
        network Net {
          input image: [1, 44, 36]
          for i in 0..<2 {
            "down{i}": { conv(4 * 2^i, 3x3) -> relu -> conv(4 * 2^i, 3x3) -> relu } as skips[]
            maxpool(2x2)
          }
          bottom: conv(16, 3x3)
          for i in 1..0 by -1 {
            "up{i}": conv_transpose(4 * 2^i, 2x2, stride=2) as up
            concat { | skips[i] -> crop(like=up) | up }
            "merge{i}": conv(4 * 2^i, 3x3) -> relu
          }
          upsample(like=image, mode=bilinear)
        }""",
    "switches": """
        network Net {
          input image: [2, 12, 14]
          conv1: conv(4, 3x3, pad=1) -> bn -> relu
          maxpool(2x2) as small
          conv2: conv(6, 3x3, pad=1) -> relu -> pool: maxpool(3x3, stride=2, pad=1) as smaller
          fc: conv_transpose(6, 3x3, pad=1) -> relu
          unpool(smaller)
          back: conv_transpose(4, 3x3, pad=1) -> bn -> relu
          unpool(of=small)
          score: conv(2, 1x1)
        }""",
    "lambda layer": """
        network Net {
          input x: [6, 5, 5]
          x -> q: conv(8, 1x1) -> norm_q: bn -> reshape([2, 4, 25]) as queries
          x -> k: conv(8, 1x1) -> reshape([2, 4, 25]) -> softmax(axis=-1) as keys
          x -> v: conv(6, 1x1) -> norm_v: bn -> reshape([2, 3, 25]) as values
          einsum("u k m, u v m -> k v") { | keys | values } as content
          einsum("n m k u, u v m -> n k v") { | places: parameter([25, 25, 4, 2]) | values } as position
          add {
            | einsum("h k n, k v -> h v n") { | queries | content }
            | einsum("h k n, n k v -> h v n") { | queries | position }
          }
          reshape([6, 5, 5])
        }""",
    "attention by hand": """
        network Net {
          input words: int64 [7]
          embedding(10, 12)
          add { | identity | positions: parameter([7, 12]) }
          qkv: linear(36) -> reshape([7, 3, 2, 6]) -> permute([1, 2, 0, 3]) as heads
          heads -> select(0) as q
          heads -> select(1) -> permute([0, 2, 1]) as k
          heads -> select(2) as v
          matmul { | matmul { | q | k } -> softmax(axis=-1) | v }
          permute([1, 0, 2]) -> reshape([7, 12])
          out: linear(12) -> l2_normalize(-1)
          matmul { | identity | vocabulary: parameter([12, 10], init=ones) }
        }""",
    "masked": """
        network Net {
          input image: [3, 6, 6]
          input mask: [1, 6, 6]
          image -> conv(4, 3x3, pad=1) as maps
          multiply { | maps | mask }
          conv(4, 1x1) -> split([1, 3]) as gate, rest
          multiply { | rest | gate -> sigmoid }
          pad(1, channels=[0, 1], value=0.5) -> pad(1, mode=reflect) -> gn(2) -> abs -> sqrt
          slice(1, 4) -> tile(2) -> square
          flatten
          score: linear(2)
        }""",
    "windows": """
        block attention(heads, window, moved) {
          let width = in.features // heads
          qkv: linear(3 * in.features) -> reshape([window * window, 3, heads, width]) -> permute([1, 2, 0, 3])
          split(3) as qs, ks, vs
          qs -> reshape([heads, window * window, width]) -> scale(width ^ -0.5) as q
          ks -> reshape([heads, window * window, width]) -> permute([0, 2, 1]) as k
          vs -> reshape([heads, window * window, width]) as v
          relative_position_bias_table: parameter([(2 * window - 1) ^ 2, heads]) as table
          relative_position_index: constant(
            [window ^ 2, window ^ 2],
            "{2 * window - 1} * (i // {window} - j // {window} + {window - 1}) + i % {window} - j % {window} + {window - 1}"
          ) as places
          table -> take(index=places) -> permute([2, 0, 1]) as bias
          matmul { | q | k } as scores
          add { | scores | bias } as biased
          if moved {
            mask: constant([window ^ 2, window ^ 2], "0.0 if i % 2 == j % 2 else -100.0", persistent=false) as hidden
            add { | biased | hidden }
          } else {
            biased
          }
          softmax(axis=-1) as weights
          matmul { | weights | v }
          permute([1, 0, 2]) -> reshape([window * window, in.features]) -> proj: linear(in.features)
        }
        network Net {
          input image: [3, 8, 8]
          patches: conv(8, 2, stride=2) -> permute([1, 2, 0]) -> roll([-1, -1], [0, 1]) -> reshape([16, 8]) as patches
          positions: constant([16, 8], "sin(i / 100 ^ (j / 8)) if j % 2 == 0 else cos(i / 100 ^ ((j - 1) / 8))") as codes
          add { | patches | codes }
          for moved in [false, true] {
            "block{1 if moved else 0}": attention(2, 4, moved)
          }
          rms_norm -> glu(-1) -> reduce_mean(0)
          head: linear(5)
        }""",
    "sequences": """
        network Net {
          input words: int64 [7]
          input image: [3, 4, 6]
          words -> embedding(10, 12) -> encoder: gru(6, layers=2, bidirectional=true) as states
          heads: constant([7, 7], "i >= j", persistent=false) as before
          states -> qkv: linear(36) -> reshape([7, 3, 2, 6]) -> permute([1, 2, 0, 3]) -> split(3) as q, k, v
          sdpa { | q -> reshape([2, 7, 6]) | k -> reshape([2, 7, 6]) | v -> reshape([2, 7, 6]) | before }
          permute([1, 0, 2]) -> reshape([7, 12]) as own
          image -> conv(12, 2, stride=2) -> flatten(1) -> permute([1, 0]) -> pixels: gru(12) as pixels
          sdpa {
            | own -> reshape([7, 2, 6]) -> permute([1, 0, 2])
            | pixels -> reshape([6, 2, 6]) -> permute([1, 0, 2])
            | pixels -> reshape([6, 2, 6]) -> permute([1, 0, 2])
          }
          select(-1, axis=1) -> flatten
          head: linear(5) as scores
          states -> ln -> decoder: attention(3, kv=pixels) -> back: attention(2, kv=states) as decoded
          output scores = scores
          output decoded = decoded
        }""",
    "shifted windows": """
        block swin(heads, shift) {
          let side = in.height
          add {
            | in -> permute([1, 2, 0])
            | in -> permute([1, 2, 0]) -> norm1: ln -> roll([-shift, -shift], [0, 1])
              reshape([2, side // 2, 2, side // 2, 12]) -> permute([0, 2, 1, 3, 4])
              reshape([4, (side // 2)^2, 12]) as windows
              table: parameter([25, heads], init=ones) as table
              places: constant([9, 9], "5 * (i // 3 - j // 3 + 2) + i % 3 - j % 3 + 2") as places
              table -> take(index=places) -> permute([2, 0, 1]) -> reshape([1, heads, 9, 9]) as bias
              hides: constant([4, 1, 9, 9], "-100.0 if i > 1 and k % 3 > m % 3 else 0.0", persistent=false) as hidden
              add { | bias | hidden } as bias_and_mask
              windows -> attn: biased_attention(bias_and_mask, heads, dropout=0.2)
              reshape([2, 2, 3, 3, 12]) -> permute([0, 2, 1, 3, 4]) -> reshape([6, 6, 12])
              roll([shift, shift], [0, 1])
          }
          permute([2, 0, 1])
        }
        network Net {
          input image: [3, 12, 12]
          conv(12, 2, stride=2)
          first: swin(2, 0)
          second: swin(3, 1)
          flatten(1) -> permute([1, 0]) -> grouped: qkv_attention(4, kv_heads=2, bias=false) as tokens
          seen: constant([36, 36], "i >= j", persistent=false) as seen
          tokens -> masked: biased_attention(seen, 6, kv_heads=1) -> reshape([4, 9, 12]) -> inner: qkv_attention(3, causal=true)
          select(-1) -> select(-1) -> head: linear(5)
        }""",
    "quantizer": """
        network Net {
          input image: [3, 8, 8]
          encoder: { conv(6, 2x2, stride=2) -> relu -> conv(4, 1x1) } as z
          permute([1, 2, 0]) as rows
          codes: parameter([10, 4], std=1) as book
          rows -> square -> reduce_sum(-1, keep=true) as lengths
          book -> square -> reduce_sum(-1) as others
          matmul { | rows | book -> permute([1, 0]) } -> scale(-2) as cross
          add { | lengths | cross | others } -> scale(-1) -> argmax(-1) as nearest_code
          book -> take(index=nearest_code) -> permute([2, 0, 1]) as quantized
          output wanted = multiply { | quantized -> detach | z }
          output target = z -> detach -> subtract(quantized)
          subtract { | quantized | z } -> detach -> add(z)
          decoder: { relu -> conv_transpose(3, 2x2, stride=2) -> sin }
        }""",
    "spatial transformer": """
        network Net {
          input image: [2, 12, 12]
          localization: { conv(4, 5x5, stride=2) -> relu -> flatten -> linear(6) -> reshape([2, 3]) } as theta
          base: constant([36, 3], "((i % 6) / 2.5 - 1.0) if j == 0 else ((i // 6) / 2.5 - 1.0) if j == 1 else 1.0") as grid
          matmul { | grid | theta -> permute([1, 0]) } -> reshape([6, 6, 2]) as places
          image -> grid_sample(grid=places, beyond=border) -> conv(3, 3x3) -> upsample(2, mode=bilinear, align_corners=true)
        }""",
    "scan": """
        network Net {
          input tokens: [8, 5]
          input absent: bool [1, 8, 8]
          tokens -> linear(6) -> split(2, axis=-1) as x, rates
          rates -> softplus -> scale(-1) -> cumsum(0) -> permute([1, 0]) as sums
          subtract { | sums -> reshape([3, 8, 1]) | sums -> reshape([3, 1, 8]) }
          masked_fill(-1e9, absent) -> exp as decay
          einsum("c t s, s c -> t c") { | decay | x } -> slice(0, step=2) as even
          concat { | even | even -> flip(0) -> cos }
        }""",
    "addresses": """
        network Net {
          input kinds: int64 [3, 4]
          input known: bool [3, 1]
          strides: constant([4], "2 * i") as strides
          multiply { | kinds | strides } -> add(kinds) as places
          maximum { | places | kinds } as largest
          choose { | known | subtract { | places | kinds } | largest } as chosen
          chosen -> table: embedding(32, 8)
          concat { | identity | kinds -> embedding(2, 8) }
          linear(3)
        }""",
    "super resolution": """
        network Net {
          input image: [3, 6, 5]
          head: conv(8, 3x3, pad=1) as shallow
          conv(12, 3x3, pad=1) -> gelu(approximate=true) -> conv(8, 1x1) -> scale(0.1) as deep
          add { | shallow | deep }
          avgpool(global) -> conv(8, 1x1) -> sigmoid as gate
          multiply { | deep | gate -> scale(-1) -> shift(1) }
          tail: conv(12, 3x3, pad=1) -> pixel_shuffle(2) -> clamp(0, 1) as large
          large -> pixel_unshuffle(2) -> adaptive_maxpool(2) -> gn(3, scale=false, shift=false)
          divide { | identity | square -> reduce_sum([1, 2], keep=true) -> shift(1) -> pow(0.5) }
          output features
          output large = large
        }""",
}
NOTHING_IN_PLACE = StorageFacts(frozenset())


@cache
def spec(name: str) -> Network:
    checked = open_source(Source("net.arch", SPECS[name]), Path()).check("Net")
    assert checked.network is not None, checked.problems
    return checked.network


def inputs(net: Network, batch: int) -> list[Tensor]:
    torch.manual_seed(0)
    return [sample(t, batch).detach() for t in net.input_types]


def check(net: Network) -> None:
    """Bytes for one sample and several, and values that do not depend on what runs in place."""
    module = build(net)
    facts = Facts(net)
    for batch in (1, 2, 3):
        memory = facts.memory_at(batch)
        given = inputs(net, batch)
        assert saved_bytes(module, *given) == memory.saved.bytes, batch
        assert activation_peak(module, *given) == memory.activation_peak, batch
    check_in_place(net)
    assert print_network(read_network(print_network(net), find)) == print_network(net)


def check_in_place(net: Network) -> None:
    careful, module = build(net, facts=NOTHING_IN_PLACE), build(net)
    module.load_state_dict(careful.state_dict())
    outcomes = []
    for each in (careful, module):
        torch.manual_seed(0)
        found = each(*inputs(net, 2))
        results = (found,) if isinstance(found, Tensor) else tuple(found)
        gradients = torch.autograd.grad(sum(r.sum() for r in results), [*each.parameters()], allow_unused=True)
        outcomes.append((*results, *(g for g in gradients if g is not None)))
    for expected, actual in zip(*outcomes, strict=True):
        torch.testing.assert_close(actual, expected, equal_nan=True)  # a divisor may be 0


@pytest.mark.parametrize("name", SPECS)
def test_bytes_values_and_text(name: str) -> None:
    check(spec(name))


@pytest.mark.parametrize("name", SPECS)
def test_counts_shapes_and_state(name: str) -> None:
    net = spec(name)
    facts = Facts(net)
    module = build(net, "meta")
    expected: dict[str, tuple[int, ...]] = {}
    collect(net.body, "", expected)
    assert {key: tuple(t.shape) for key, t in module.state_dict().items()} == expected
    assert sum(p.numel() for p in module.parameters()) == facts.cost.total.params
    with FlopCounterMode(display=False) as counter:
        found = module(*(x.to("meta") for x in inputs(net, 2)))
    assert counter.get_total_flops() == 2 * facts.cost.total.flops
    results = (found,) if isinstance(found, Tensor) else tuple(found)
    assert [tuple(r.shape[1:]) for r in results] == [facts.flat.types[v].shape for v in facts.flat.outputs]


def collect(module: Module, prefix: str, found: dict[str, tuple[int, ...]]) -> None:
    for node in module.instances():
        if isinstance(node.operator, Module):
            collect(node.operator, f"{prefix}{node.name}.", found)
        else:
            state = (s for s in node.operator.state(*node.operand_types) if s.is_in_state_dict)
            found.update((s.key(prefix + node.name), s.shape) for s in state)


def test_a_learned_tensor_is_a_parameter_of_its_module() -> None:
    module = build(spec("vision transformer"), "meta")
    assert isinstance(module.class_token, nn.Parameter) and module.class_token.shape == (1, 1, 12)
    assert next(iter(module.state_dict())) == "class_token"
    assert isinstance(module.get_submodule("encoder").positions, nn.Parameter)


def random_layer(random: Random, x: TensorType) -> Op:
    """A layer that may fit a value of this type."""
    axes = list(range(x.rank))
    axis = random.choice(axes)
    size = x.shape[axis]
    start = random.randrange(size)
    kinds = {
        "permute": lambda: op("permute", tuple(random.sample(axes, len(axes)))),
        "reshape": lambda: op("reshape", random_shape(random, x.numel)),
        "flatten": lambda: op("flatten", min(axis, len(axes) - 1)),
        "select": lambda: op("select", start, axis),
        "slice": lambda: op("slice", start, random.randint(start + 1, size), axis),
        "linear": lambda: op("linear", random.choice([4, 6]), bias=random.random() < 0.5),
        "ln": lambda: op("ln", axis),
        "softmax": lambda: op("softmax", axis),
        "tile": lambda: op("tile", 2, axis),
        "conv": lambda: op("conv", 4, 1),
        "avgpool": lambda: op("avgpool", 1),
        "attention": lambda: op("attention", 2),
        "upsample": lambda: op("upsample", 1, mode="nearest"),
        "crop": lambda: op("crop", ((1, 0),) * (x.rank - 1)),
        "pad": lambda: op("pad", ((0, 1),) * (x.rank - 1)),
        "dropout": lambda: op("dropout", 0.3),
        "elementwise": lambda: op(random.choice(["relu", "elu", "sigmoid", "abs", "l2_normalize", "exp", "softsign"])),
        "scale": lambda: op("scale", random.choice([2, -0.5])),
        "roll": lambda: op("roll", 1, axis),
        "glu": lambda: op("glu", axis),
        "rms_norm": lambda: op("rms_norm", axis),
        "reduce": lambda: op(random.choice(["reduce_mean", "reduce_max"]), axis, keep=random.random() < 0.5),
        "pixel_unshuffle": lambda: op("pixel_unshuffle", 2),
        "gru": lambda: op("gru", 3, bidirectional=random.random() < 0.5),
        "adaptive_maxpool": lambda: op("adaptive_maxpool", 2),
    }
    moves = [
        "permute",
        "permute",
        "reshape",
        "reshape",
        "flatten",
        "select",
        "slice",
        "elementwise",
        "elementwise",
        "linear",
    ]
    return kinds[random.choice([*moves, *kinds])]()


def random_shape(random: Random, numel: int) -> tuple[int, ...]:
    found: list[int] = []
    while numel > 1 and len(found) < 3:
        size = random.choice([d for d in range(2, numel + 1) if numel % d == 0])
        found.append(size)
        numel //= size
    return tuple(
        random.sample([*found, numel] if numel > 1 or not found else found, len(found) + (numel > 1 or not found))
    )


def random_network(seed: int) -> Network:
    """Values of all shapes, joined where they fit, with learned tensors among them."""
    random = Random(seed)
    body, (x,) = network(f"Net{seed}", ("image", TensorType((4, 6, 6))))
    values = [body.one(op("conv", 4, 1), x)]
    while len(values) < 14:
        value = random.choice(values[-3:])
        made = join(body, random, value, values) if random.random() < 0.3 else layer(body, random, value)
        if made is not None and 1 < prod(made.type.shape) < 2000 and made.type.rank < 5:
            values.append(made)
    last = values[-1]
    return finish(body, *dict.fromkeys([last, random.choice(values[5:])]))


def layer(body: Body, random: Random, value: Value) -> Value | None:
    if not value.type.rank:
        return None
    try:
        return body.one(random_layer(random, value.type), value)
    except Misfit:
        return None


def join(body: Body, random: Random, value: Value, values: list[Value]) -> Value | None:
    name = random.choice(["add", "multiply", "maximum", "divide", "concat", "stack", "matmul"])
    others = [v for v in values if v.type.shape == value.type.shape]
    other = random.choice(others)
    if random.random() < 0.3:
        shape = (
            value.type.shape[random.randint(0, 1) :]
            if name in ("add", "multiply", "maximum", "divide")
            else (1, *value.type.shape)
        )
        if not shape:
            return None
        other = body.one(op("parameter", shape, init="ones"), label=f"learned{len(body.builder.module.nodes)}")
    try:
        return body.one(op(name), *random.sample([value, other], 2))
    except Misfit:
        return None


@pytest.mark.parametrize("seed", range(40))
def test_random_networks(seed: int) -> None:
    check(random_network(seed))
