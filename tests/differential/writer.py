"""Well-typed specs at random, over the whole language.

A spec grows statement by statement. What is proposed is chosen with the type of the current value in view, and stays if
the spec still holds together: archdsl itself is asked, so that the writer knows no rule of the language but its syntax.
Whether archdsl is right is for PyTorch to say.
"""

from __future__ import annotations

import re
from random import Random

from archdsl.ir import TensorType
from tests.differential.growing import Block, Body, Tripped, network_of
from tests.differential.operators import ELEMENTWISE_MERGES, KEEPING
from tests.differential.statements import Statements


def random_spec(seed: int) -> str:
    """The text of a spec with blocks and a network; of one that archdsl trips over as soon as it does."""
    try:
        return _Writer(Random(seed), seed).write()
    except Tripped as tripped:
        return str(tripped)


PRELUDE = [
    ("squeeze_excite", ["", "(1)", "(2, gate=hard_sigmoid)", "(act=silu)"]),
    (
        "conv_bn",
        ["(3, 3)", "(4, 3x3, stride=2)", "(2, 1, norm=identity)", "(in.channels, 3, groups=in.channels, act=bn)"],
    ),
    ("channel_shuffle", ["(2)", "(in.channels)", "(1)"]),
    ("mlp", ["(3)", "(2, features=4)", "(4, act=relu, p=0.1)"]),
    ("transformer_encoder", ["(1)", "(2)", "(2, hidden=3, prenorm=false)", "(1, p=0, act=relu)"]),
    ("double_conv", ["(3)", "(2, bias=true)", "(2, norm=identity)", "(2, pad=valid)"]),
    ("basic_block", ["(4)", "(in.channels)", "(3, stride=2)"]),
    ("bottleneck", ["(1)", "(2, stride=2)", "(2, inner=4, groups=2)"]),
    (
        "inverted_residual",
        ["(4)", "(in.channels, expand=2)", "(3, stride=2, squeezed=1)", "(4, 5x5, expand=1, act=silu)"],
    ),
    ("separable_conv", ["(3)", "(4, stride=2)", "(2, 5x5, bias=true)"]),
    ("aspp", ["(2, [1, 2])", "(3, rates=[1], p=0)"]),
    ("patch_embed", ["(4, 2)", "(3, patch=4)"]),
]
"""Blocks that are known without an import, and calls of them."""


class _Writer(Statements):
    def write(self) -> str:
        if self.chance(0.2):
            self.file.append(
                self.random.choice(("default conv(pad=half)", "default bn(momentum=0.2)", "default conv(bias=false)"))
            )
        if self.chance(0.15):
            self.file += ["let widths = [2, 4] + [3]", "let part_norm = bn(momentum=0.3)"]
        if self.chance(0.5):
            self.blocks += [Block(name, calls, 1) for name, calls in self.random.sample(PRELUDE, 4)]
        for _ in range(self.random.choice((0, 1, 1, 2, 3))):
            self.block()
        if self.chance(0.15):
            self.recursion()
        if self.chance(0.25):
            self.two_inputs()
        if self.chance(0.2):
            self.growing()
        for write, share in ((self.typed, 0.15), (self.streams, 0.12), (self.pyramid, 0.1), (self.branching, 0.15)):
            if self.chance(share):
                write()
        text = self.network()
        if f"Net{self.seed}(width = " not in text or not self.chance(0.5):
            return text
        claim = self.random.choice(("", " {\n  expect params >= 0\n}"))
        both = f"{text}\nnetwork Variant = Net{self.seed}(width = {self.random.randint(1, 6)}){claim}\n"
        if self.chance(0.4):  # without a default it is a template
            both = re.sub(rf"Net{self.seed}\(width = \d+\) {{", f"Net{self.seed}(width) {{", both)
        return both if network_of(both) is not None else text

    def start(self) -> TensorType:
        random = self.random
        channels = random.choice((1, 2, 3, 4, 4, 6, 8))
        shape = random.choice(
            (
                (channels, random.randint(4, 9), random.randint(4, 9)),
                (channels, 8, 8),
                (channels, 8, 8),
                (channels, random.randint(4, 12)),
                (random.randint(2, 12),),
                (2, 4, 4, 4),
            )
        )
        return TensorType(shape)

    def network(self) -> str:
        type = self.start()
        parameters = f"(width = {self.random.randint(1, 5)})" if self.chance(0.4) else ""
        head = [f"network Net{self.seed}{parameters} {{", *self.image(type)]
        extra: dict[str, TensorType] = {}
        if self.chance(0.25):
            other = self.random.choice((type, self.start()))
            head.append(f"  input other: {list(other.shape)}")
            extra["other"] = other
        if self.chance(0.1):
            head.append(f"  input tokens: {self.random.choice(('int64', 'int64', 'int32'))} [5]")
            extra["tokens"] = TensorType((5,), "int64")
        if extra:
            extra["image"] = type
            head.append("  image -> identity")
        body = Body([*self.file, *head], ["}"], type, 0)
        body.taps, body.is_network = extra, True
        if parameters:
            body.data["width"] = int(parameters.split()[-1][:-1])
        self.fill(body, self.random.randint(3, 7))
        if body.taps and self.chance(0.4):
            kept = [t for t in body.taps if t not in extra]
            if kept:
                self.keep(body, ["  output result", f"  output second = {self.random.choice(kept)} -> identity"])
        return "\n".join([*self.file, *head, *body.lines, "}"]) + "\n"

    def image(self, type: TensorType) -> list[str]:
        """The first input, some of its sizes perhaps open; the claim gives them the values that are written about."""
        sizes = dict(enumerate(map(str, type.shape)))
        if type.rank not in (2, 3) or not self.chance(0.25):
            return [f"  input image: [{', '.join(sizes.values())}]"]
        axes = self.random.sample(range(1, type.rank), self.random.randint(1, type.rank - 1))
        names = {axis: "HW"[axis - 1] for axis in axes}
        bound = ", ".join(f"{names[axis]} = {type.shape[axis]}" for axis in axes)
        stated = [f"  where {names[axes[0]]} % 2 == {type.shape[axes[0]] % 2}"] if self.chance(0.2) else []
        return [
            f"  input image: [{', '.join((sizes | names).values())}]",
            f"  expect shape(image) == {list(type.shape)} with {bound}",
            *stated,
        ]

    def block(self) -> None:
        """A block, written at one type; where it is called at another one it may or may not fit."""
        random, type = self.random, self.start()
        name, width = self.fresh("part"), random.randint(1, 5)
        has_width, has_layer = self.chance(0.5), self.chance(0.2)
        lets = [f"  let width = {width}"] if has_width else []
        lets += ["  let act = relu"] if has_layer else []
        body = Body([*self.file, "network Probe {", f"  input image: {list(type.shape)}", *lets], ["}"], type, 0)
        if has_width:
            body.data["width"] = width
        self.fill(body, random.randint(1, 3))
        if has_layer:
            self.keep(body, ["  act"])
        results = 1
        kept = list(body.taps)
        if kept and self.chance(0.3):
            other = random.choice(kept)
            name_now = self.fresh("last")
            if self.keep(body, [f"  identity as {name_now}"]):
                body.lines.append(f"  return {name_now}, {other}")
                results = 2
        if not body.lines:
            return
        parameters = [*([random.choice(("width", f"width = {width}"))] if has_width else [])]
        parameters += ["act: layer = relu"] if has_layer else []
        opening = "inline block " if self.chance(0.2) and results == 1 else "block "
        opening += name + (f"({', '.join(parameters)})" if parameters else "") + " {"
        self.file += [opening, *body.lines, "}"]
        widths = [str(width), str(random.randint(1, 6)), "in.channels"] if has_width else []
        calls = [f"({w}{random.choice(('', ', act=leaky_relu', ', act=bn')) if has_layer else ''})" for w in widths]
        self.blocks.append(Block(name, calls or [""], results))

    def recursion(self) -> None:
        name = self.fresh("tree")
        first, second = (self.random.choice(KEEPING) for _ in range(2))
        merge = self.random.choice(("add", "multiply", "average", "maximum", "concat"))
        self.file += [
            f"block {name}(depth, width) {{",
            "  if depth == 1 {",
            f"    conv(width, 3, pad=1) -> {first}",
            "  } else {",
            f"    {merge} {{ | {name}(depth - 1, width) -> {second} | conv(width, 1) | {name}(depth - 1, width) }}",
            "  }",
            "}",
        ]
        self.blocks.append(Block(name, [f"({d}, {w})" for d in (1, 2, 3) for w in (2, 3)], 1))

    def two_inputs(self) -> None:
        """A block that takes a tensor beside its input."""
        name = self.fresh("join")
        merge = self.random.choice((*ELEMENTWISE_MERGES, "concat"))
        first, second = (self.random.choice(KEEPING) for _ in range(2))
        self.file += [
            f"block {name}(other: tensor, norm: layer = bn) {{",
            f"  {merge} {{ | {first} -> norm | other -> {second} }}",
            "}",
        ]
        self.blocks.append(Block(name, ["(TAP)", "(TAP, norm=relu)"], 1))

    def growing(self) -> None:
        """A dense block: lists of sizes, lists of taps, and labels with holes."""
        name = self.fresh("dense")
        layer = self.random.choice(("bn -> relu", "relu", "identity"))
        self.file += [
            f"block {name}(widths) {{",
            "  identity as maps[]",
            "  for i in 0..<len(widths) {",
            f'    maps -> concat -> {layer} -> "unit{{i}}": conv(widths[i], 1) as maps[]',
            "  }",
            f"  maps -> {self.random.choice(('concat', 'concat -> conv(2, 1)'))}",
            "}",
        ]
        self.blocks.append(Block(name, ["([2, 2])", "([1, 3, 2])", "([2] + [2])"], 1))

    def typed(self) -> None:
        """A block with parameters of every kind of data."""
        name = self.fresh("typed")
        self.file += [
            f"block {name}(width: int, size: window = 3x3, wide: bool = false, slope: float = 0.5, sizes: list = [1, 2], "
            f'how: string = "bilinear") {{',
            "  conv(width * 2 if wide else width, size, pad=half) -> leaky_relu(slope)",
            "  for i, n in [[0, sizes[0]], [1, sizes[-1]]] {",
            f'    "step{{i}}": conv(n, [1, 1]) -> {self.random.choice(KEEPING)}',
            "  }",
            '  if how == "bilinear" { upsample(2, mode=bilinear) } else { "up": upsample(1.5) }',
            "}",
        ]
        self.blocks.append(
            Block(name, ["(2)", "(3, 1x3, wide=true)", '(2, slope=1/4, how="no")', "(1, sizes=[3] + [1])"], 1)
        )

    def streams(self) -> None:
        """Several current values through a block whose `in` is the list of them."""
        mixed, name = self.fresh("mix"), self.fresh("streams")
        layer = self.random.choice(KEEPING)
        self.file += [
            f"block {mixed}(width) {{",
            "  for i in 0..<len(in) {",
            "    add {",
            f"      for j in 0..i | in[j] -> {layer} -> conv(width, 1)",
            "    } as mixed[]",
            "  }",
            "  mixed",
            "}",
            f"block {name}(width) {{",
            "  conv(width, 1) as streams[]",
            f"  in -> {self.random.choice(KEEPING)} as streams[]",
            f"  streams -> {mixed}(width) -> {mixed}(2) -> {self.random.choice(('add', 'concat', 'average'))}",
            "}",
        ]
        self.blocks.append(Block(name, ["(2)", "(3)"], 1))

    def pyramid(self) -> None:
        """A block of the prelude that takes and returns several values."""
        name = self.fresh("pyramid")
        self.file += [
            f"block {name}(width) {{",
            "  conv(width, 3, pad=1) as stages[]",
            f"  {self.random.choice(KEEPING)} -> conv(width, 2, stride=2) as stages[]",
            "  stages",
            "  fpn(2) as fine, coarse",
            f"  {self.random.choice(('fine', 'coarse', 'add { | fine | coarse -> upsample(like=fine) }'))}",
            "}",
        ]
        self.blocks.append(Block(name, ["(2)", "(3)"], 1))

    def branching(self) -> None:
        """A block that returns in the branches that end it."""
        name = self.fresh("branch")
        first, second = (self.random.choice(KEEPING) for _ in range(2))
        self.file += [
            f"block {name}(deep = false) {{",
            f"  {first} as a",
            "  if deep {",
            f"    a -> {second} as b",
            "    return b",
            "  } else if in.rank == 3 and in.channels > 2 {",
            "    conv(2, 1) as c",
            "    return c",
            "  } else {",
            "    return a",
            "  }",
            "}",
        ]
        self.blocks.append(Block(name, ["", "(deep=true)", "(true)"], 1))
