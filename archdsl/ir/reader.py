"""Text of a graph -> graph: the inverse of `printer.py`. Every node is typed anew and must agree with what was printed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from archdsl.ir.graph import CallFrame, Module, ModuleKind, Network, Node, Origin, Output, Parameter, Repeat, Value
from archdsl.ir.op import Misfit, Op
from archdsl.ir.op.attributes import AttributeProblem
from archdsl.ir.operations import LEAVES, SIGNS, Operation
from archdsl.ir.sizes.domain import Domain
from archdsl.ir.sizes.size import OpenSize
from archdsl.ir.sizes.text import FORMULA, read_condition, read_size
from archdsl.ir.strides import BATCH
from archdsl.ir.types import Places, TensorType
from archdsl.source import Source, Span

_SHAPE = re.compile(r"(unbatched )?(?:(\w+) )?\[([^\[\]]*)\](?: strides \[([^\[\]]*)\])?(?: places (\[\[.*?\]\]))?")
_BATCHES = re.compile(r"(\d+)N")
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"\w+")
_PLACE = re.compile(r"(\d+):(\d+):(\d+)")
_KINDS: tuple[ModuleKind, ...] = ("network", "block", "group")


class GraphTextError(ValueError):
    """Text that is no printed graph, or whose types do not follow from its operators; names the line."""


def read_network(text: str, find: Callable[[str], type[Op] | None]) -> Network:
    """The network that `print_network` wrote; `find` gives the operator of a name. Raises `GraphTextError`."""
    reader = _Reader(find)
    for number, line in enumerate(text.splitlines(), 1):
        try:
            reader.line(_Cursor(line, reader.domain))
        except (ValueError, KeyError, IndexError, TypeError, Misfit, OpenSize, AttributeProblem) as error:
            raise GraphTextError(f"line {number}: {error}") from None
    return reader.finish()


class _Cursor:
    """A line that is read from left to right."""

    def __init__(self, text: str, domain: Domain) -> None:
        self.text = text
        self.domain = domain
        self.at = 0

    def takes(self, word: str) -> bool:
        """Skips blanks, then the word if it stands here."""
        self._blanks()
        if not self.text.startswith(word, self.at):
            return False
        self.at += len(word)
        return True

    def sees(self, word: str) -> bool:
        self._blanks()
        return self.text.startswith(word, self.at)

    def need(self, word: str) -> None:
        if not self.takes(word):
            raise ValueError(f"expected `{word}` at column {self.at + 1}")

    def json(self) -> Any:
        self._blanks()
        value, self.at = json.JSONDecoder(object_hook=self._object).raw_decode(self.text, self.at)
        return value

    def _object(self, found: dict[str, Any]) -> Any:
        return read_size(found[FORMULA], self.domain) if FORMULA in found else found

    def match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        self._blanks()
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"unreadable at column {self.at + 1}")
        self.at = found.end()
        return found

    def number(self) -> int:
        return int(self.match(_NUMBER).group())

    def type(self) -> TensorType:
        found = self.match(_SHAPE)
        strides = None if found[4] is None else tuple(map(self._stride, _items(found[4])))
        places = Places(*map(tuple, json.loads(found[5], object_hook=self._object))) if found[5] else None
        shape = tuple(read_size(size, self.domain) for size in _items(found[3]))
        return TensorType(shape, found[2] or "float32", not found[1], strides, places)

    def value(self) -> Value:
        """A type, and which of its axes is that of the channels."""
        value = Value(self.type())
        value.channels = self.number() if self.takes("channels ") else 0
        return value

    def _stride(self, text: str) -> int:
        grows = _BATCHES.fullmatch(text)
        return int(grows[1]) * BATCH if grows else read_size(text, self.domain)

    def rest(self) -> str:
        """The line from here on."""
        rest, self.at = self.text[self.at :], len(self.text)
        return rest

    def word(self) -> str:
        return self.match(_WORD).group()

    @property
    def is_done(self) -> bool:
        self._blanks()
        return self.at >= len(self.text)

    def _blanks(self) -> None:
        while self.text.startswith(" ", self.at):
            self.at += 1


class _Reader:
    def __init__(self, find: Callable[[str], type[Op] | None]) -> None:
        self.find = find
        self.domain = Domain({})
        self.sources: dict[int, Source] = {}
        self.modules: dict[int, Module] = {}
        self.values: list[Value] = []
        self.papers: list[str] = []
        self.head: tuple[str, int, list[str], list[tuple[str, bool]]] | None = None
        self.rows: list[tuple[int, int, Span]] = []
        """The repeats that are open: how many turns, how many nodes stand before, where the loop is."""

    def line(self, cursor: _Cursor) -> None:
        if cursor.is_done:
            return
        if cursor.takes("network "):
            self._network(cursor)
        elif cursor.takes("sizes "):
            self.domain = Domain(cursor.json())
        elif cursor.takes("where "):
            self.domain.state(read_condition(cursor.rest(), self.domain))
        elif cursor.takes("paper "):
            self.papers.append(cursor.json())
        elif cursor.takes("source "):
            number = cursor.number()
            self.sources[number] = Source(cursor.json(), "")
        elif cursor.takes("shared "):
            self._current.declared[cursor.json()] = len(self._current.nodes)
        elif cursor.takes("turns "):
            self._begin(cursor)
        elif cursor.takes("end"):
            self._end()
        elif cursor.takes("->"):
            self._outputs(cursor)
        elif cursor.text.startswith("@"):
            self._module(cursor)
        else:
            self._value(cursor)

    def finish(self) -> Network:
        if self.head is None or self.head[1] not in self.modules:
            raise GraphTextError("there is no network")
        self.domain.close()
        name, number, inputs, outputs = self.head
        body = self.modules[number]
        named = tuple(Output(n, v, t) for (n, t), v in zip(outputs, body.outputs, strict=True))
        return Network(name, body, tuple(inputs), named, tuple(self.papers))

    def _network(self, cursor: _Cursor) -> None:
        name = cursor.json()
        cursor.need("= @")
        number = cursor.number()
        cursor.need("(")
        inputs: list[str] = []
        while not cursor.takes(")"):
            inputs.append(cursor.json())
            cursor.takes(",")
        cursor.need("-> (")
        outputs: list[tuple[str, bool]] = []
        while not cursor.takes(")"):
            outputs.append((cursor.json(), cursor.takes("training")))
            cursor.takes(",")
        self.head = (name, number, inputs, outputs)

    def _module(self, cursor: _Cursor) -> None:
        cursor.need("@")
        number = cursor.number()
        kind = next(k for k in _KINDS if cursor.takes(k))
        name = cursor.json()
        text = cursor.json() if cursor.takes("as ") else ""
        arguments = cursor.json() if cursor.takes("with ") else {}
        parameters = cursor.json() if cursor.takes("parameters ") else []
        operations = cursor.json() if cursor.takes("operations ") else []
        origin = self._origin(cursor)
        doc = cursor.json() if cursor.takes("doc ") else ""
        module = self.modules[number] = Module(kind, name, origin, text=text, doc=doc)
        module.arguments = tuple(arguments.items())
        module.parameters = tuple(Parameter(*_tupled(p)) for p in parameters)
        module.operations = tuple(map(_operation, operations))
        self.values = []

    @property
    def _current(self) -> Module:
        return next(reversed(self.modules.values()))

    def _value(self, cursor: _Cursor) -> None:
        """An input, or a node with its results."""
        taps: list[str | None] = []
        while cursor.takes("%"):
            if cursor.number() != len(self.values) + len(taps):
                raise ValueError("values are not numbered in order")
            taps.append(cursor.json() if cursor.sees('"') else None)
            cursor.takes(",")
        if cursor.takes(":"):
            value = cursor.value()
            value.tap = taps[0]
            self._current.inputs.append(value)
            self.values.append(value)
            return
        cursor.need("=")
        self._node(cursor, taps)

    def _node(self, cursor: _Cursor, taps: list[str | None]) -> None:
        operator: Op | Module
        if cursor.takes("@"):
            operator = self.modules[cursor.number()]
            name = cursor.json()
        else:
            op = self.find(op_name := cursor.word())
            if op is None:
                raise ValueError(f"no operator is called {op_name}")
            name = cursor.json()
            operator = op(**cursor.json())
        operands = self._operands(cursor)
        cursor.need(":")
        printed = [cursor.value()] if taps else []
        while cursor.takes(";"):
            printed.append(cursor.value())
        if isinstance(operator, Op) and len(printed) > 1:
            operator = operator.with_switches() or operator
        training = cursor.takes("training")
        origin = self._origin(cursor)
        if cursor.takes("called "):
            origin = origin._replace(word=cursor.json())
        if cursor.takes("doc "):
            origin = origin._replace(doc=cursor.json())
        self._add(Node(name, operator, operands, _infer(operator, operands), origin, training), printed, taps)

    def _add(self, node: Node, printed: list[Value], taps: list[str | None]) -> None:
        if list(node.result_types) != [value.type for value in printed] or len(printed) != len(taps):
            raise ValueError(
                f"`{node.name}` gives {', '.join(map(str, node.result_types))}, which is not what was printed"
            )
        for value, like, tap in zip(node.results, printed, taps, strict=True):
            value.tap, value.channels = tap, like.channels
        self._current.nodes.append(node)
        self.values += node.results

    def _begin(self, cursor: _Cursor) -> None:
        turns = cursor.number()
        cursor.need("at ")
        self.rows.append((turns, len(self._current.nodes), self._span(cursor)))

    def _end(self) -> None:
        turns, start, span = self.rows.pop()
        turn = self._current.nodes[start:]
        before = self._current.nodes[max(start - len(turn), 0) : start]
        if [n.operator for n in turn] != [n.operator for n in before]:
            raise ValueError("the turn before is another one")
        Repeat(turns, turn, before, span).enclose()

    def _operands(self, cursor: _Cursor) -> tuple[Value, ...]:
        cursor.need("(")
        operands: list[Value] = []
        while not cursor.takes(")"):
            cursor.need("%")
            operands.append(self.values[cursor.number()])
            cursor.takes(",")
        return tuple(operands)

    def _outputs(self, cursor: _Cursor) -> None:
        while not cursor.is_done:
            cursor.need("%")
            self._current.outputs.append(self.values[cursor.number()])
            cursor.takes(",")

    def _origin(self, cursor: _Cursor) -> Origin:
        cursor.need("at ")
        span = self._span(cursor)
        is_labelled = cursor.takes("labelled")
        condition = self._condition(cursor)
        frames: list[CallFrame] = []
        while cursor.takes("via "):
            text, block, arguments = cursor.json(), cursor.json(), cursor.json()
            cursor.need("at ")
            place = self._span(cursor)
            frames.append(CallFrame(text, place, block, tuple(arguments.items()), self._condition(cursor)))
        return Origin(span, tuple(frames), condition=condition, is_labelled=is_labelled)

    def _condition(self, cursor: _Cursor) -> str:
        text: str = cursor.json() if cursor.takes("under ") else ""
        return text

    def _span(self, cursor: _Cursor) -> Span:
        number, start, end = map(int, cursor.match(_PLACE).groups())
        return Span(self.sources[number], start, end)


def _tupled(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def _operation(read: list[Any]) -> Operation:
    operator, operands = read
    if operator not in LEAVES and operator not in SIGNS:
        raise ValueError(f"{operator!r} is no operator")
    return Operation(operator, _tupled(operands) if operator in LEAVES else tuple(map(_operation, operands)))


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _infer(operator: Op | Module, operands: tuple[Value, ...]) -> tuple[TensorType, ...]:
    types = tuple(v.type for v in operands)
    if isinstance(operator, Op):
        return operator.infer(*types)
    if types != tuple(v.type for v in operator.inputs):
        raise ValueError(f"`{operator.name}` is called with {', '.join(map(str, types))}")
    return tuple(v.type for v in operator.outputs)
