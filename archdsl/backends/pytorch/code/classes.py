"""Families -> the text of their classes. A class knows its parameters once its body is written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import groupby

from archdsl.backends.pytorch.code.checkpointing import Recomputing
from archdsl.backends.pytorch.code.conditions import Conditions, attribute_of
from archdsl.backends.pytorch.code.dense import step, written_dense
from archdsl.backends.pytorch.code.expressions import argument, columns, with_texts
from archdsl.backends.pytorch.code.families import Family, Layer, Position, in_common, keyword_of, keywords_of
from archdsl.backends.pytorch.code.layout import INDENT, WIDTH, Group, Item, docstring, lines, quoted
from archdsl.backends.pytorch.code.names import is_identifier
from archdsl.backends.pytorch.code.parameters import ABSENT, Absent, Parameter, Parameters, Row, is_same, named_by_input
from archdsl.backends.pytorch.code.parts import Instance, Leaf, reference
from archdsl.backends.pytorch.code.plan import Plan
from archdsl.backends.pytorch.code.rolling import counted, counted_calls, counted_parts, rolled, written
from archdsl.backends.pytorch.code.rows import rolled_items, rolled_lines, rows_of
from archdsl.ir import MODULE_ATTRIBUTES, Code, Helper

BODY = INDENT * 2

PASSES = 3
"""A constructor is written so often: expressions that turn up late serve earlier lines too, and then may get names."""


class Classes:
    """Writes the classes of a plan, callees before callers, and collects what they need."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.imports: set[str] = set()
        self.helpers: dict[str, Helper] = {}
        self.parameters: dict[Family, Parameters] = {}
        self.row = {instance: row for family in plan.families for row, instance in enumerate(family.instances)}
        """Which instance of its family each is."""

    def write(self, family: Family) -> list[str]:
        """The lines of a family's class."""
        self.imports.add("nn")
        return _Class(self, family).lines()

    def need(self, helper: Helper | None) -> None:
        if helper is not None:
            assert self.helpers.setdefault(helper.name, helper) == helper, helper.name
            self.imports.update(helper.imports)

    def way(self, how: Recomputing) -> str:
        """The template of a call that is checkpointed."""
        self.need(how.function)
        self.imports.update(how.imports)
        return how.template


class _Class:
    def __init__(self, classes: Classes, family: Family) -> None:
        self.classes = classes
        self.family = family
        self.of = classes.plan.of
        modules = [i.module for i in family.instances]
        self.parameters = classes.parameters[family] = Parameters(modules, classes.plan.taken, classes.plan.axes)
        self.conditions = Conditions(modules, self.parameters)
        self.number_names: list[str] = []
        self.asked: dict[str, str] = {}  # what stands in `forward` for flags that are no attributes
        self.is_keyed = family.shape.forward is not None and any(i.is_keyed for i in family.instances)

    def lines(self) -> list[str]:
        name, shape = self.family.class_name, self.family.shape
        # A network keeps the name it has in the spec.
        unusual = "" if "_" not in name.strip("_") and name.strip("_")[:1].isupper() else "  # noqa: N801"
        base = "nn.ModuleDict" if self.is_keyed else "nn.Module"
        if shape.forward is None and not shape.is_dense:
            base = self._sequence_class(self.family)
        head = f"class {name}({base}):{unusual}"
        for _ in range(PASSES - 1):
            self._constructor()
            self.parameters.begin_again()
        constructor, forward = self._constructor(), self._forward()
        if not shape.is_numbered:
            module = self.family.first.module
            constructor = counted_parts(rolled_lines(constructor, module, is_forward=False))
            forward = rolled_lines(forward, module, is_forward=shape.forward is not None)
        parts = [docstring(self.classes.plan.doc(self.family), INDENT), shape.annotations, constructor, forward]
        return [head, *[line for part in parts if part for line in ("", *part)][1:]]

    # The constructor

    def _constructor(self) -> list[str]:
        self.has_list = False  # whether there is a list `layers` already
        positions, forward, is_numbered, is_dense = self.family.shape
        if not positions and (forward is None or not (forward.holes or forward.flags)):
            return []
        if is_dense:
            body = [f"{BODY}super().__init__()", *self._dense_layers()]
        elif is_numbered:
            body = self._locals() + self._sequence("super().__init__(", "", positions, self.family.instances, BODY)
        else:
            flags = self._flags()
            body = [f"{BODY}super().__init__()", *self._locals(), *dict.fromkeys([*flags, *self._numbers()])]
            body += self._attributes(positions)
        body += [f"{BODY}self.apply(initialise)"] if self.family.is_network and self.classes.plan.init else []
        parameters = (Item("self"), *(Item(p.declaration) for p in self.parameters.used))
        return [*lines(Item(Group("def __init__(", parameters, ") -> None")), INDENT, ":"), *body]

    def _flags(self) -> list[str]:
        """Attributes for the tests in `forward` that no child answers."""
        positions, forward, *_ = self.family.shape
        found = []
        for flag in forward.flags if forward is not None else ():
            taken = {p.name for p in positions} | {*self.parameters.sizes}
            own, asked = attribute_of(self.conditions.express(flag.answers, flag.name), flag.name, taken)
            found.append(f"{BODY}self.{own}")
            self.asked |= asked
        return found

    def _numbers(self) -> list[str]:
        """Attributes for the numbers in `forward` that differ between instances."""
        forward = self.family.shape.forward
        if forward is None:
            return []
        wanted = [self._measure(h.values) if h.wanted == "size" else h.wanted for h in forward.holes]
        order = sorted(range(len(wanted)), key=lambda n: wanted[n] == "pixels")
        known = {n: self.conditions.value(forward.holes[n].values, wanted[n]) for n in order}
        texts = [known[n] for n in range(len(wanted))]
        taken = {*MODULE_ATTRIBUTES, *(f.name for f in forward.flags), *(p.name for p in self.family.shape.positions)}
        names = self.parameters.attributes(texts, wanted, taken)
        self.number_names = [names[text] for text in texts]
        return [f"{BODY}self.{names[text]} = {text}" for text in dict.fromkeys(texts)]

    def _dense_layers(self) -> list[str]:
        """`for i in range(depth)`: a layer whose sizes grow from turn to turn."""
        dense = [i.dense for i in self.family.instances if i.dense is not None]
        stem, start = dense[0].stem, dense[0].start
        count = self.parameters.express([len(d.nodes) for d in dense], "depth")
        first, second, _ = self.family.shape.positions
        kind = first.kinds(self.of)[0]
        assert kind is not None
        items = []
        for parameter in self.classes.parameters[kind].used:
            own, following = (self._values(parameter, p.layers) for p in (first, second))
            steps = [step(pair) or 0 for pair in zip(own, following, strict=True)]
            if not any(steps) and all(is_same(v, parameter.default) for v in own):
                continue
            text = self.parameters.express(own, parameter.name)
            if any(steps):
                growth = self.parameters.express(steps, "growth")
                text += " + i" if growth == "1" else f" + {growth} * i"
            items.append(Item(text, "" if parameter.default is None else f"{parameter.name}="))
        layer = Group(f"{kind.class_name}(", tuple(items))
        number = f"i + {start}" if start else "i"
        added = Group("self.add_module(", (Item(f'f"{stem}{{{number}}}"'), Item(layer)))
        return [f"{BODY}for i in range({count}):", *lines(Item(added), BODY + INDENT)]

    def _values(self, parameter: Parameter, layers: Sequence[Layer]) -> list[Row]:
        """What a parameter of a class is where its instances stand."""
        return [parameter.values[self.classes.row[i]] if isinstance(i, Instance) else ABSENT for i in layers]

    def _locals(self) -> list[str]:
        return [f"{BODY}{name} = {text}" for text, name in self.parameters.locals.items()]

    def _attributes(self, positions: Sequence[Position]) -> list[str]:
        forward = self.family.shape.forward
        asked = forward.asked if forward is not None else frozenset()
        found: list[str] = []
        for presence, alike in groupby(positions, lambda p: p.presence):
            group = list(alike)
            if all(presence):
                found += [line for p in group for line in self._attribute(p, BODY)]
                continue
            condition = self.conditions.express(presence, group[0].name)
            parts = [line for p in group for line in self._attribute(p, BODY + INDENT)]
            asked_for = [p for p in group if p.name in asked]
            short = f"{parts[0].removeprefix(INDENT)} if {condition} else None"
            if len(parts) == len(asked_for) == 1 and not group[0].buffer and len(short) <= WIDTH:
                found.append(short)
                continue
            found += [f"{BODY}{p.as_absent}" for p in asked_for]
            found += [f"{BODY}if {condition}:", *parts]
        return found

    def _attribute(self, position: Position, indent: str) -> list[str]:
        name, layers = position.name, position.layers
        kinds = position.kinds(self.of)
        if len(kinds) > 1:
            return self._alternatives(position, kinds, indent)
        if position.buffer:
            items = (Item(quoted(name)), Item(self._layer(layers, name)), *position.not_kept)
            return lines(Item(Group("self.register_buffer(", items)), indent)
        is_tensor = any(isinstance(layer, Leaf) and layer.is_tensor for layer in layers)
        if not is_identifier(name) and (is_tensor or not self.is_keyed):
            method = "register_parameter" if is_tensor else "add_module"
            layer = self._layer(layers, name)
            return lines(Item(Group(f"self.{method}(", (Item(quoted(name)), Item(layer)))), indent)
        target = f"{reference(name, self.is_keyed)} = "
        inside = self._inside(layers)
        if inside is not None and any(self._is_optional(p, layers) for p in inside):
            assert kinds[0] is not None
            return self._sequence(f"{self._sequence_class(kinds[0])}(", target, inside, layers, indent)
        return lines(Item(self._layer(layers, name), target), indent)

    def _alternatives(self, position: Position, kinds: Sequence[Family | None], indent: str) -> list[str]:
        """A part that is of one block in some instances, and of another in the rest."""
        rows = [self.of[layer] if isinstance(layer, Instance) else None for layer in position.layers]
        answers = [row is kinds[0] if row is not None else ABSENT for row in rows]
        layers = [tuple(p if row is k else None for p, row in zip(position.layers, rows, strict=True)) for k in kinds]
        then, otherwise = (self._attribute(position._replace(layers=chosen), indent + INDENT) for chosen in layers)
        assert kinds[0] is not None
        condition = self.conditions.express(answers, kinds[0].first.module.name)
        target = f"{indent}{INDENT}{reference(position.name, self.is_keyed)} = "
        if len(then) == len(otherwise) == 1 and otherwise[0].startswith(target):
            line = f"{then[0].removeprefix(INDENT)} if {condition} else {otherwise[0].removeprefix(target)}"
            if len(line) <= WIDTH:
                return [line]
        return [f"{indent}if {condition}:", *then, f"{indent}else:", *otherwise]

    def _sequence(
        self, call: str, prefix: str, positions: Sequence[Position], around: Sequence[Layer], indent: str
    ) -> list[str]:
        """A statement with a numbered sequence. One with optional parts puts them into a list first."""
        if not any(self._is_optional(p, around) for p in positions):
            return lines(Item(Group(call, self._numbered(positions, around)), prefix), indent)
        found, last = list[str](), tuple[bool, ...]()
        begun, self.has_list = "layers = " if self.has_list else "layers: list[nn.Module] = ", True
        for presence, alike in groupby(positions, lambda p: p.presence):
            group = list(alike)
            is_optional = self._is_optional(group[0], around)
            if is_optional and not found:
                found.append(f"{indent}{begun}[]")
            if is_optional:
                rows = zip(around, last, presence, strict=False)
                is_opposite = last and all(a is None or before is not now for a, before, now in rows)
                found.append(f"{indent}{'else' if is_opposite else f'if {self._condition(group[0], around)}'}:")
            last = presence if is_optional else ()
            items = self._numbered(group, group[0].layers if is_optional else around)
            if found and len(items) == 1 and not str(items[0]).startswith("*"):
                added = Item(Group("layers.append(", items))
            else:
                added = Item(Group("[", items, "]"), "layers += " if found else begun)
            found += lines(added, indent + INDENT * is_optional)
        return [*found, f"{indent}{prefix}{call}*layers)"]

    # Layers: each is given by its instances' layers, row by row

    def _layer(self, layers: Sequence[Layer], label: str) -> Group | str:
        layers = in_common(layers)
        leaves = [layer for layer in layers if isinstance(layer, Leaf)]
        if len({leaf.call.target for leaf in leaves}) > 1:
            return self._either(layers, leaves)
        if leaves:
            return self._leaf(layers, leaves, label)
        family = self.of[next(layer for layer in layers if isinstance(layer, Instance))]
        return self._use(layers, family) if family.class_name else self._written_out(layers, family)

    def _sequence_class(self, family: Family) -> str:
        """`nn.Sequential`, or one of this file whose parts are checkpointed."""
        how = family.first.recomputing
        if how is not None:
            self.classes.way(how)
            self.classes.need(how.sequence)
        return "nn.Sequential" if how is None else how.sequence.name

    def _leaf(self, layers: Sequence[Layer], leaves: Sequence[Leaf], label: str) -> Group:
        """`nn.Conv2d(in_channels, 64, 3, padding=1)`."""
        first = leaves[0]
        self.classes.need(first.helper)
        items = []
        for index in range(len(first.call.args)):
            values = [layer.call.args[index] if isinstance(layer, Leaf) else ABSENT for layer in layers]
            if isinstance(first.call.args[index], Code):
                items.append(Item(self._expression(values)))
                continue
            wanted = argument(first.call.target, index) or (self._measure(values) if first.is_tensor else label)
            items.append(Item(self.conditions.value(values, wanted)))
        for name in keywords_of([leaf.call for leaf in leaves]):
            values = [keyword_of(layer.call, name) if isinstance(layer, Leaf) else ABSENT for layer in layers]
            text = self.conditions.value(values, name)
            # `nn.Conv2d(in_channels, channels, 3, stride, padding=1)`
            says_itself = text == name == "stride" and len(items) == 3 and "Conv" in first.call.target
            items.append(Item(text, "" if says_itself else f"{name}="))
        if first.inplace:
            items.append(Item("True", "inplace="))
        made = Group(f"{first.call.target}(", tuple(items))
        self.classes.imports |= {"torch"} if first.is_tensor else set()
        return Group("nn.Parameter(", (Item(made),)) if first.is_tensor and not first.buffer else made

    def _expression(self, values: Sequence[Row]) -> str:
        """An expression whose numbers may differ: `lambda i, j: i - j >= window`."""
        texts = [
            self.conditions.value(column, number.wanted or self._measure(column)) if column else number.text
            for number, column in columns(values)
        ]
        return with_texts(next(v for v in values if isinstance(v, Code)), texts)

    def _measure(self, values: Sequence[Row]) -> str:
        """A name for a size."""
        return named_by_input(values, [i.module for i in self.family.instances], self.classes.plan.axes)

    def _either(self, layers: Sequence[Layer], leaves: Sequence[Leaf]) -> str:
        """`nn.Hardswish() if hardswish else nn.ReLU(inplace=True)`."""
        targets = list(dict.fromkeys(leaf.call.target for leaf in leaves))
        answers = [[leaf.call.target == t if isinstance(leaf, Leaf) else ABSENT for leaf in layers] for t in targets]
        known = [self.parameters.find(asked) is not None for asked in answers]
        order = (1, 0) if known == [False, True] else (0, 1)
        then, otherwise = (
            self._layer([layer if is_it is True else None for layer, is_it in zip(layers, answers[i], strict=True)], "")
            for i in order
        )
        name = targets[order[0]].rpartition(".")[2].lower()
        return f"{then} if {self.conditions.express(answers[order[0]], name)} else {otherwise}"

    def _use(self, layers: Sequence[Layer], family: Family) -> Group:
        """`Bottleneck(256, 128, stride=2)`."""
        items = []
        for parameter in self.classes.parameters[family].used:
            values = self._values(parameter, layers)
            if any(v is not ABSENT and not is_same(v, parameter.default) for v in values):
                text = self.conditions.value(values, parameter.name, family.first.module.name)
                items.append(Item(text, "" if parameter.default is None else f"{parameter.name}="))
        return Group(f"{family.class_name}(", tuple(items))

    def _written_out(self, layers: Sequence[Layer], family: Family) -> Group:
        """`nn.Sequential(nn.Conv2d(...), nn.BatchNorm2d(...))`."""
        self.classes.imports.add("nn")
        call = f"{self._sequence_class(family)}("
        positions = self._inside(layers)
        assert positions is not None
        if family.shape.is_numbered:
            return Group(call, self._numbered(positions, layers))
        self.classes.imports.add("OrderedDict")
        is_plain = all(is_identifier(p.name) for p in positions)
        items = tuple(
            Item(self._layer(p.layers, p.name), f"{p.name}=" if is_plain else f"{quoted(p.name)}: ", p.comment)
            for p in positions
        )
        row = counted([(p.name, str(item.body)) for p, item in zip(positions, items, strict=True)])
        inside = (Item(row),) if row else items if is_plain else (Item(Group("{", items, "}")),)
        return Group(call, (Item(Group("OrderedDict(", inside)),))

    def _numbered(self, positions: Sequence[Position], around: Sequence[Layer]) -> tuple[Item, ...]:
        """The parts of a numbered sequence as arguments, each with the type of its result where that changes."""
        item = cache(lambda position: self._item(position, around))
        items = [item(position._replace(name="", rows=())) for position in positions]
        return tuple(rolled(rolled_items(items, [position.rows for position in positions])))

    def _item(self, position: Position, around: Sequence[Layer]) -> Item:
        layer = self._layer(position.layers, position.name)
        if not self._is_optional(position, around):
            return Item(layer, comment=position.comment)
        return Item(f"*([{layer}] if {self._condition(position, around)} else [])")

    def _inside(self, layers: Sequence[Layer]) -> list[Position] | None:
        """The parts of a sequence that is written out where these layers stand; None where there is none."""
        first = next(layer for layer in layers if layer is not None)
        if isinstance(first, Leaf) or self.of[first].class_name:
            return None
        rows = [self.classes.row[layer] if isinstance(layer, Instance) else None for layer in layers]
        found = []
        for p in self.of[first].shape.positions:
            inside = tuple(p.layers[row] if row is not None else None for row in rows)
            comments = tuple(p.comments[row] if row is not None else "" for row in rows)
            if any(layer is not None for layer in inside):
                found.append(p._replace(layers=inside, comments=comments))
        return found

    def _is_optional(self, position: Position, around: Sequence[Layer]) -> bool:
        """Whether some instances that have what is around it lack it."""
        return any(a is not None and layer is None for a, layer in zip(around, position.layers, strict=True))

    def _condition(self, position: Position, around: Sequence[Layer]) -> str:
        answers: list[bool | Absent] = [
            layer is not None if a is not None else ABSENT for a, layer in zip(around, position.layers, strict=True)
        ]
        return self.conditions.express(answers, position.word, default=True)

    # The forward

    def _forward(self) -> list[str]:
        forward = self.family.shape.forward
        if forward is None:
            return self._dense_forward() if self.family.shape.is_dense else []
        first = self.family.first.forward
        for instance in self.family.instances:
            self.classes.imports |= instance.forward.imports
            for helper in instance.forward.helpers:
                self.classes.need(helper)
        self.classes.imports.add("Tensor")
        parameters = (Item("self"), *(Item(f"{p}: Tensor") for p in first.parameters))
        head = Item(Group("def forward(", parameters, f") -> {first.returns}"))
        statements = forward.filled(self.number_names, self.asked)
        calls = statements if rows_of(self.family.first.module) else counted_calls(statements)
        return [*lines(head, INDENT, ":"), *written(calls, BODY)]

    def _dense_forward(self) -> list[str]:
        how = self.family.first.recomputing
        call = "{}({})" if how is None else self.classes.way(how)
        self.classes.imports |= {"Tensor", *self.family.first.forward.imports}
        return [INDENT + line for line in written_dense(call, self.family.first.joined("maps"))]
