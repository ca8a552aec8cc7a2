"""Where nodes go: the module being built, and the names of its children."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import NamedTuple

from archdsl.elaborate.kinds import BAD_LABEL, DUPLICATE_PATH
from archdsl.elaborate.problems import Fault
from archdsl.ir import MODULE_ATTRIBUTES, Builder, CallFrame, Origin, split_name
from archdsl.source import Label, Span

LABEL_LIMIT = 200


class Mark(NamedTuple):
    """How far the numbers of a place are: the next of unlabelled children, by the empty name, and those in report names."""

    numbers: Mapping[str, int]

    def since(self, before: Mark) -> dict[str, int]:
        """What was taken in between."""
        return {stem: number - before.numbers.get(stem, 1) for stem, number in self.numbers.items()}


class Place:
    """A module under construction: its builder, the names taken in it, and the inlined calls around what is added."""

    __slots__ = (
        "_counts",
        "_labels",
        "_left_out",
        "_next",
        "_taken",
        "builder",
        "condition",
        "frames",
        "training",
        "within_training",
    )

    def __init__(self, builder: Builder, within_training: bool = False) -> None:
        self.builder = builder
        self.frames: tuple[CallFrame, ...] = ()
        self.condition = ""
        """The branch of its block that what is added now stands in."""
        self.training = False
        """Whether what is added now exists only while training; what stands inside such a group is not marked again."""
        self.within_training = within_training
        self._taken: dict[str, Span] = {}
        self._labels: set[str] = set()
        """Of what is taken what a spec says: all other numbers are below the next."""
        self._next = 0
        self._counts: dict[str, int] = {}
        self._left_out: list[tuple[str, range, Span]] = []
        """Names in turns of loops that are not written out: what stands before the number, the numbers, the loop."""

    def origin(self, span: Span, name: str, doc: str = "") -> Origin:
        """Where the child of a name that was taken here is written."""
        word = span.text
        return Origin(span, self.frames, doc, self.condition, name in self._labels, word if word.isidentifier() else "")

    def take(self, label: str, span: Span, again: str = "") -> str:
        """Gives a child its label. Raises `Fault` where the label cannot be an attribute or is taken.

        Args:
            again: what helps where a turn of a loop takes it again; else its variable in the label does.
        """
        check_label(label, span)
        first = self._taken.get(label) or self._left_out_at(label)
        if first is not None:
            raise Fault(
                DUPLICATE_PATH,
                f"two children of one scope are called `{label}`",
                span,
                "the second",
                labels=(Label(first, "the first"),) if first != span else (),
                helps=() if first != span else (_repeated_label(label, again, is_inlined=bool(self.frames)),),
            )
        self._taken[label] = span
        self._labels.add(label)
        if label.isdecimal():
            self._next = max(self._next, int(label) + 1)
        return label

    def mark(self) -> Mark:
        return Mark({"": self._next, **{f"{op}_": count for op, count in self._counts.items()}})

    def leaves_out(self, turns: int, each: Mapping[str, int], span: Span) -> bool:
        """Counts on over turns of a loop that are not written out, if no label has one of their names."""
        now = self.mark().numbers
        ranges = {
            stem: range(now[stem] + (stem != ""), now[stem] + (stem != "") + turns * n) for stem, n in each.items()
        }
        labelled = map(split_name, self._labels)
        if any(number in ranges.get(stem, ()) for stem, number in labelled):
            return False
        self._next += turns * each[""]
        for op in self._counts:
            self._counts[op] += turns * each[f"{op}_"]
        self._left_out += [(stem, numbers, span) for stem, numbers in ranges.items() if numbers]
        return True

    def _left_out_at(self, label: str) -> Span | None:
        """The loop among whose turns that are not written out a name is."""
        if not self._left_out:
            return None
        stem, number = split_name(label)
        is_plain = label == f"{stem}{number}"
        return next((span for s, numbers, span in self._left_out if is_plain and s == stem and number in numbers), None)

    def number(self, span: Span) -> str:
        """The next number, for an unlabelled child."""
        name = str(self._next)
        self._taken[name] = span
        self._next += 1
        return name

    def report_name(self, op: str, span: Span) -> str:
        """A name for reports only, for what has no module: `add`, `add_2`."""
        name = op
        while name in self._taken:
            self._counts[op] = self._counts.get(op, 1) + 1
            name = f"{op}_{self._counts[op]}"
        self._taken[name] = span
        return name


def _repeated_label(label: str, again: str, *, is_inlined: bool) -> str:
    """How to tell apart the children that one label of the text makes."""
    if is_inlined:
        return "an inline block opens no scope: a label on each of its calls does"
    return again or 'in a loop, put its variable into the label: `for i in 1..n { "' + label + '{i}": ... }`'


def check_label(label: str, span: Span) -> None:
    """Raises `Fault` for a label that PyTorch would not take or that generated code could not hold."""
    if not label:
        reason = "a label may not be empty"
    elif "." in label:
        reason = f"`{label}` holds a dot: a label is one part of a path"
    elif not label.isprintable() or len(label) > LABEL_LIMIT:
        reason = f"a label holds printable characters, and at most {LABEL_LIMIT}"
    elif keyword.iskeyword(label):
        reason = f"`{label}` is a keyword of Python"
    elif label.startswith("__"):
        reason = f"`{label}` begins with `__`, and such names are Python's own"
    elif label in MODULE_ATTRIBUTES:
        reason = f"`{label}` is an attribute of every PyTorch module"
    else:
        return
    is_nearly_one = label.isidentifier() and len(label) < LABEL_LIMIT
    raise Fault(BAD_LABEL, reason, span, helps=(f"call it `{label.strip('_')}_`",) if is_nearly_one else ())
