"""Statements about values at random: taps and lists of them, parts, shared, learned and constant tensors, attention."""

from __future__ import annotations

from tests.differential.growing import Body, Growing, Lines
from tests.differential.operators import ELEMENTWISE_MERGES, KEEPING

FORMULAS = (
    "i - j",
    "2 * i + 0.5",
    "sin(i / 10 ^ (j / 4)) if j % 2 == 0 else cos(i / 3)",
    "abs(i - j) // 2 * 1.5",
    "min(i, j) / (max(i, j) + 1)",
    "pi",
)
MASKS = ("i >= j", "not (i < j) or i == 0", "(i + j) % 2 == 0")


class Values(Growing):
    """What is taken apart, named, listed, learned and joined again."""

    def from_tap(self, body: Body) -> Lines:
        if not body.taps:
            return []
        tap = self.random.choice(list(body.taps))
        if body.taps[tap].dtype != "float32":
            return [f"{tap} -> embedding(2000, {self.random.choice((3, 4))})"]
        return [self.tapped(f"{tap} -> {self.link(body, body.taps[tap])}")]

    def fed_from_line(self, body: Body) -> Lines:
        same = [t for t, type in body.taps.items() if type.shape == body.type.shape]
        tap = self.random.choice(same or list(body.taps) or [""])
        return [self.tapped(f"{self.random.choice((*ELEMENTWISE_MERGES, 'concat'))}({tap})")] if tap else []

    def listed(self, body: Body) -> Lines:
        """A list of taps that grows in a loop, and is joined."""
        name, c = self.fresh("xs"), body.channels
        link = self.random.choice((f"conv({c}, 3, pad=1)", *KEEPING))
        merge = self.random.choice(("concat", "add", "maximum", "average"))
        last = self.random.choice(
            (
                f"{name} -> {merge}",
                f"{name}[-1] -> relu",
                f"add {{ | {name}[0] | {name}[1] }}",
                f"{name}[0..<2] -> {merge}",
                f"{merge} {{ for n in reverse(0..<len({name})) | {name}[n] -> relu }}",
                f"{name}[len({name}) - 1] -> {merge}({name}[0])",
            )
        )
        return ["repeat 2 {", f"  {link} as {name}[]", "}", last]

    def from_in(self, body: Body) -> Lines:
        """What the block or the network of one input began with."""
        merge = self.random.choice((*ELEMENTWISE_MERGES, "concat"))
        return [self.tapped(self.random.choice((f"in -> {self.random.choice(KEEPING)}", f"{merge}(in)", "in")))]

    def shared(self, body: Body) -> Lines:
        name, c = self.fresh("tower"), body.channels
        what = self.random.choice(
            (
                f"conv({c}, 3, pad=1)",
                f"conv({c}, 1)",
                "bn",
                f"{{ conv({c}, 1) -> bn -> relu }}",
                "prelu",
                f"linear({body.type.shape[-1]})",
            )
        )
        uses = self.random.choice(
            ([f"{name} -> {name}"], [f"add {{ | {name} | relu -> {name} }}"], [name, "relu", name])
        )
        return [f"shared {name} = {what}", *uses]

    def parameter(self, body: Body) -> Lines:
        """A learned tensor, or a constant one, joined with the current value."""
        shape = self.random.choice(
            (
                [1, *body.type.shape],
                list(body.type.shape),
                [1] * (body.type.rank + 1),
                [1, *[1] * (body.type.rank - 1), body.type.shape[-1]],
            )
        )
        name, was = self.fresh("p"), self.fresh("t")
        merge = self.random.choice(("add", "multiply", "maximum", "concat", "subtract"))
        made = f"parameter({shape}{self.random.choice(('', ', init=ones', ', init=0.5'))})"
        if self.chance(0.3):
            formula = self.random.choice(FORMULAS)
            made = f'constant({shape}, "{formula}"{self.random.choice(("", ", persistent=false"))})'
        return [f"identity as {was}", f"{name}: {made} as {name}v", f"{merge} {{ | {was} | {name}v }}"]

    def biases(self, body: Body) -> Lines:
        """Rows of a learned table, read where constants say."""
        name, was = self.fresh("p"), self.fresh("t")
        width = body.type.shape[-1]
        return [
            f"identity as {was}",
            f'{name}at: constant([{width}], "{self.random.choice(("i", "i % 2", "{2} - i % 3"))}") as {name}a',
            f"{name}: parameter([{max(width, 3)}]) -> take(index={name}a) as {name}v",
            f"add {{ | {was} | {name}v }}",
        ]

    def split(self, body: Body) -> Lines:
        first, second = self.fresh("t"), self.fresh("t")
        axis = self.random.choice(("", ", axis=1", ", axis=-1"))
        if self.chance(0.2):
            return [f"split(2{axis}) -> {self.random.choice(('concat', 'add', 'maximum'))}"]
        if self.chance(0.2):
            return [f"split(2{axis}) as {first}", f"{first}[{self.random.choice(('0', '-1'))}] -> relu"]
        last = self.random.choice(
            (
                f"{first} -> relu",
                f"concat {{ | {second} | {first} -> relu }}",
                f"add {{ | {first} -> sigmoid | {second} }}",
            )
        )
        return [f"split(2{axis}) as {first}, {self.random.choice((second, second, '_'))}", last]

    def unpool(self, body: Body) -> Lines:
        pool = self.fresh("t")
        window = self.random.choice(("2", "2x2", "3", "2, stride=1", "3, pad=1", "[1, 2]"))
        between = self.random.choice((f"conv({body.channels}, 3, pad=1)", "relu", "bn"))
        return [f"maxpool({window}) as {pool}", between, f"unpool(of={pool})"]

    def like(self, body: Body) -> Lines:
        if not body.taps:
            return []
        tap = self.random.choice(list(body.taps))
        return [
            self.random.choice((f"crop(like={tap})", f"upsample(like={tap})", f"upsample(like={tap}, mode=bilinear)"))
        ]

    def attended(self, body: Body) -> Lines:
        """Scaled dot products by hand, with one value or several, a mask or none."""
        if body.type.rank not in (2, 3):
            return []
        q, k, v, mask = (self.fresh("t") for _ in range(4))
        width, rows = body.type.shape[-1], body.type.shape[-2]
        lines = [f"identity as {q}"] if body.type.rank == 3 else [f"reshape([1, {rows}, {width}]) as {q}"]
        lines += [f"{q} -> linear({width}) as {k}", f"{q} -> {self.random.choice(('relu', f'linear({width})'))} as {v}"]
        call = self.random.choice(("sdpa", "sdpa(causal=true)", "sdpa(scale=0.5)"))
        masked = self.chance(0.4)
        if masked:
            formula = self.random.choice(MASKS)
            lines.append(f'{mask}c: constant([{rows}, {rows}], "{formula}", persistent=false) as {mask}')
        return [*lines, self.tapped(f"{call} {{ | {q} | {k} | {v}{f' | {mask}' if masked else ''} }}")]

    def product(self, body: Body) -> Lines:
        """A value with itself or a learned one, its last axes as matrices."""
        if body.type.rank < 2:
            return []
        was, other, rank = self.fresh("t"), self.fresh("t"), body.type.rank
        order = [*range(rank - 2), rank - 1, rank - 2]
        letters = "abcde"[: rank - 2]
        joined = self.random.choice(
            (
                f"matmul {{ | {was} | {other} }}",
                f'einsum("{" ".join([*letters, "x", "y"])}, {" ".join([*letters, "y", "z"])} -> '
                f'{" ".join([*letters, "x", "z"])}") {{ | {was} | {other} }}',
            )
        )
        learned = f"p{other}: parameter([{body.type.shape[-1]}, 3])"
        turned = f"{was} -> permute({order})"
        return [f"identity as {was}", f"{self.random.choice((learned, turned))} as {other}", joined]
