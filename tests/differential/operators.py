"""Calls of operators at random: every attribute of every operator, found in the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from archdsl.ir import Attribute, Op, TensorType
from archdsl.ops import catalogue

Draw = Callable[[Random, TensorType], str]


def _size(random: Random, most: int = 6) -> str:
    return str(random.randint(1, most))


def _window(random: Random, x: TensorType) -> str:
    rank = max(x.rank - 1, 1)
    if random.random() < 0.6 or rank == 1:
        return str(random.choice((1, 1, 2, 2, 3, 3, 4)))
    sizes = [random.randint(1, 3) for _ in range(rank)]
    return random.choice(("x".join(map(str, sizes)), f"[{', '.join(map(str, sizes))}]"))


def _rows(random: Random, x: TensorType) -> str:
    """`pad=` and `amount=`."""
    rank = max(x.rank - 1, 1)
    pairs = ", ".join(f"[{random.randint(0, 2)}, {random.randint(0, 2)}]" for _ in range(rank))
    return random.choice(("0", "1", "1", "2", f"[{', '.join(_size(random, 2) for _ in range(rank))}]", f"[{pairs}]"))


def _pad(random: Random, x: TensorType) -> str:
    return random.choice(("valid", "half", "half", "same", "full", _rows(random, x)))


def _axis(random: Random, x: TensorType) -> str:
    return str(random.randint(-max(x.rank, 1), max(x.rank, 1) - 1))


def _axes(random: Random, x: TensorType) -> str:
    chosen = random.sample(range(max(x.rank, 1)), random.randint(1, max(x.rank, 1)))
    return f"[{', '.join(map(str, chosen))}]" if random.random() < 0.5 else _axis(random, x)


def _sizes(random: Random, x: TensorType) -> str:
    rank = max(x.rank - 1, 1)
    return random.choice((_size(random, 4), f"[{', '.join(_size(random, 5) for _ in range(rank))}]"))


def _number(random: Random, x: TensorType) -> str:
    return random.choice(("0.5", "1", "2", "0.1", "1e-2", "-0.5", "3/4"))


def _flag(random: Random, x: TensorType) -> str:
    return random.choice(("true", "false"))


def _shape(random: Random, x: TensorType) -> str:
    """Another shape of the same elements, perhaps with a size left open."""
    sizes: list[int] = []
    rest = x.numel
    while rest > 1 and len(sizes) < 3 and random.random() < 0.8:
        divisor = random.choice([d for d in range(1, rest + 1) if rest % d == 0])
        sizes.append(divisor)
        rest //= divisor
    sizes.append(rest)
    random.shuffle(sizes)
    if random.random() < 0.4:
        sizes[random.randrange(len(sizes))] = -1
    return f"[{', '.join(map(str, sizes))}]"


def _order(random: Random, x: TensorType) -> str:
    return f"[{', '.join(map(str, random.sample(range(x.rank), x.rank)))}]"


def _parts(random: Random, x: TensorType) -> str:
    if random.random() < 0.6 or x.shape[0] < 2:
        return random.choice(("2", "2", "3", "1"))
    first = random.randint(1, x.shape[0] - 1)
    return f"[{first}, {x.shape[0] - first}]"


def _table(random: Random, x: TensorType) -> str:
    columns = random.randint(1, 4)
    rows = ["".join(random.choice("X.X") for _ in range(columns)) for _ in range(x.shape[0])]
    return "[" + ", ".join(f'"{row}"' for row in rows) + "]"


def _index(random: Random, x: TensorType) -> str:
    return str(random.randint(-3, 4))


def _equation(random: Random, x: TensorType) -> str:
    letters = "abcdef"[: max(x.rank, 1)]
    given = " ".join(letters)
    result = " ".join(random.sample(letters, random.randint(1, len(letters))))
    return f'"{random.choice((given, f"{given}, {given}"))} -> {result}"'


BY_NAME: dict[str, Draw] = {
    "parts": _parts,
    "table": _table,
    "shape": _shape,
    "order": _order,
    "equation": _equation,
    "pad": _pad,
    "amount": _rows,
    "axes": _axes,
    "to": _sizes,
    "out": _sizes,
    "output_pad": lambda random, x: random.choice(("0", "1")),
    "channels": lambda random, x: _size(random, 6),
    "groups": lambda random, x: str(random.choice((1, 2, 2, 3, x.shape[0] if x.shape else 1))),
    "eps": lambda random, x: random.choice(("1e-5", "1e-3", "1e-6")),
    "size": lambda random, x: str(random.choice((1, 3, 5))),
    "heads": lambda random, x: random.choice(("1", "2", "4")),
    "vocabulary": lambda random, x: "2000",
    "offset": lambda random, x: random.choice(("center", "0", "1")),
    "mode": lambda random, x: random.choice(
        ("nearest", "bilinear", "bicubic", "zeros", "reflect", "replicate", "circular")
    ),
}
BY_WORDS: tuple[tuple[str, Draw], ...] = (
    ("a window, as 3 or 3x3, or global", lambda r, x: "global" if r.random() < 0.2 else _window(r, x)),
    ("a window", _window),
    ("one of weight_norm", lambda random, x: random.choice(("weight_norm", "spectral_norm"))),
    ("one of floor", lambda random, x: random.choice(("floor", "ceil", "exact"))),
    ("the number of an axis", _axis),
    ("a number from 0 to 1", lambda random, x: random.choice(("0", "0.1", "0.5", "0.9", "1"))),
    ("a number greater than 0, or one for each", lambda random, x: random.choice(("2", "2", "3", "[1, 2]", "1.5"))),
    ("a number greater than 0", lambda random, x: random.choice(("0.5", "1", "2"))),
    ("a number", _number),
    ("true or false", _flag),
    ("two whole numbers", lambda random, x: random.choice(("[0, 1]", "[1, 0]", "[2, 2]", "[0, 0]"))),
    ("a whole number; negative", _index),
    ("a whole number, or one for each axis", lambda random, x: random.choice(("1", "-1", "2"))),
    ("zeros, ones or a number", lambda random, x: random.choice(("zeros", "ones", "0.5"))),
    ("a list of sizes", lambda random, x: f"[1, {_size(random)}]"),
    ("", lambda random, x: _size(random, 4)),
)
"""By the beginning of the words that an attribute says it takes; the last is for whole numbers."""


OPERATORS = catalogue()
LAYERS = [name for name, kind in OPERATORS.items() if kind.operands == 1 and name != "unpool"]
MERGES = [name for name, kind in OPERATORS.items() if kind.operands is None]
ELEMENTWISE_MERGES = ["add", "add", "multiply", "subtract", "average", "maximum", "minimum", "divide"]
KEEPING = [
    "relu",
    "relu",
    "bn",
    "leaky_relu",
    "relu6",
    "silu",
    "elu",
    "dropout",
    "sigmoid",
    "hard_swish",
    "prelu",
    "lrn",
]
"""Layers that keep any type of a map."""


def arguments(random: Random, kind: type[Op], x: TensorType, given: float = 0.25, by_name: bool = False) -> list[str]:
    """The attributes as text; those with a default are given now and then, some of the first by position."""
    chosen: list[tuple[str, str]] = []
    for name, attribute in kind.fields().items():
        if attribute.is_required or random.random() < given:
            chosen.append((name, _value(random, name, attribute, x)))
    fields = list(kind.fields())
    texts: list[str] = []
    by_position = not by_name and random.random() < 0.7
    for number, (name, value) in enumerate(chosen):
        by_position = by_position and number < kind.positional and fields[number] == name
        texts.append(value if by_position else f"{name}={value}")
    return texts


def _value(random: Random, name: str, attribute: Attribute, x: TensorType) -> str:
    words = attribute.accepts.words
    if name in BY_NAME and not words.startswith(("two whole", "true or false")):
        return BY_NAME[name](random, x)
    draw = next(draw for start, draw in BY_WORDS if words.startswith(start))
    return draw(random, x)


def call(random: Random, name: str, x: TensorType, given: float = 0.25) -> str:
    """A use of an operator on a value, whether it fits or not."""
    texts = arguments(random, OPERATORS[name], x, given)
    return f"{name}({', '.join(texts)})" if texts else name


def layer(random: Random, x: TensorType) -> str:
    """A layer that a value may fit."""
    return call(random, random.choice((*LAYERS, "conv", "conv", "conv", "maxpool", "bn", "relu", "relu")), x)
