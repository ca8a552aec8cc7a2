"""Well-typed specs at random, over the whole language.

A spec grows statement by statement. What is proposed is chosen with the type of the current value in view, and stays if
the spec still holds together: archdsl itself is asked, so that the writer knows no rule of the language but its syntax.
Whether archdsl is right is for PyTorch to say.
"""

from __future__ import annotations

from random import Random

from archdsl.ir import TensorType
from tests.differential.operators import ELEMENTWISE_MERGES, KEEPING
from tests.differential.statements import Block, Body, Statements, Tripped, network_of


def random_spec(seed: int) -> str:
    """The text of a spec with blocks and a network; of one that archdsl trips over as soon as it does."""
    try:
        return _Writer(Random(seed), seed).write()
    except Tripped as tripped:
        return str(tripped)


class _Writer(Statements):
    def write(self) -> str:
        if self.chance(0.2):
            self.file.append(
                self.random.choice(("default conv(pad=half)", "default bn(momentum=0.2)", "default conv(bias=false)"))
            )
        for _ in range(self.random.choice((0, 1, 1, 2, 3))):
            self.block()
        if self.chance(0.15):
            self.recursion()
        if self.chance(0.25):
            self.two_inputs()
        if self.chance(0.2):
            self.growing()
        text = self.network()
        variant = f"\nnetwork Variant = Net{self.seed}(width = {self.random.randint(1, 6)})\n"
        is_open = f"Net{self.seed}(width = " in text and self.chance(0.5)
        return text + variant if is_open and network_of(text + variant) is not None else text

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
        head = [f"network Net{self.seed}{parameters} {{", f"  input image: {list(type.shape)}"]
        extra: dict[str, TensorType] = {}
        if self.chance(0.25):
            other = self.random.choice((type, self.start()))
            head.append(f"  input other: {list(other.shape)}")
            extra["other"] = other
        if self.chance(0.1):
            head.append("  input tokens: int64 [5]")
            extra["tokens"] = TensorType((5,), "int64")
        if extra:
            extra["image"] = type
            head.append("  image -> identity")
        body = Body([*self.file, *head], ["}"], type, 0)
        body.taps, body.is_network = extra, True
        if parameters:
            body.data["width"] = int(parameters.split()[-1][:-1])
        self.fill(body, self.random.randint(3, 10))
        if body.taps and self.chance(0.4):
            kept = [t for t in body.taps if t not in extra]
            if kept:
                self.keep(body, ["  output result", f"  output second = {self.random.choice(kept)} -> identity"])
        return "\n".join([*self.file, *head, *body.lines, "}"]) + "\n"

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
        self.fill(body, random.randint(1, 5))
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
