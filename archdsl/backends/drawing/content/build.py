"""Graph -> drawing model: the network, the definitions of its blocks, and what stands around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

from archdsl.analyses.cost import CostFacts, cost
from archdsl.backends.drawing.content.arms import arms, kept_in_reverse, may_rise
from archdsl.backends.drawing.content.assemble import assemble
from archdsl.backends.drawing.content.drafts import Drafts
from archdsl.backends.drawing.content.gather import gathered
from archdsl.backends.drawing.content.generalise import Generaliser, branches, form
from archdsl.backends.drawing.content.model import KINDS, Arms, Body, Drawing, Group, Poster, Stairs, Step
from archdsl.backends.drawing.content.opening import Opening, calls_at
from archdsl.backends.drawing.content.poster import poster
from archdsl.backends.drawing.content.units import FUSED
from archdsl.backends.drawing.look import USUAL, Look, Shading, Style
from archdsl.backends.drawing.refusal import Refusal
from archdsl.ir import Module, Network, is_unfolded, modules, unfold
from archdsl.source import counted, short, total

MOST_ROWS = 60
"""A picture with more rows than this is drawn as an overview unless the expanded one is asked for."""

MOST_SOUGHT = 1_000
"""In a network with more rows no encoder and decoder are sought."""
MOST_STAIRS = 12
"""Layers of a state that grows that are shown one by one."""

MOST_EXPANDED = 2_000
"""An expanded picture with more rows is refused."""
SHADES: dict[Shading, Callable[[int], str]] = {
    "macs": lambda n: f"{short(n)} MACs",
    "params": lambda n: f"{short(n)} params",
    "memory": lambda n: f"{n / 2**20:.3g} MiB of results",
}


def drawing(network: Network, costs: CostFacts, look: Look = USUAL, footer: tuple[str, ...] = ()) -> Drawing:
    """The drawing of a network. Parts that exist only while training are left out, and named below.

    `footer` are the lines under the legend.

    Raises:
        Refusal: the network does not go with the style, or no call has a path.
        TooManyOperators: the style shows every turn of a loop, and they are too many.
    """
    style = look.style
    drawn = unfold(network) if style in ("u", "volumes") else gathered(network)
    if drawn is not network:
        network, costs = drawn, cost(drawn)
    rows = _rows(network, look)
    found: Arms | None = None
    if look.seeks_arms and is_unfolded(network) and rows <= MOST_SOUGHT and may_rise(network):
        drafts = Drafts(network, costs, Opening(runs=True), look)
        found = kept_in_reverse(network, drafts)
    if found is None:
        if style == "auto":
            style = "overview" if look.expand or look.depth or rows > MOST_ROWS else "expanded"
        opening = Opening(style == "expanded", style == "u", look.depth, calls_at(network, look.expand))
        drafts = Drafts(network, costs, opening, look)
    body = found or _style(network, drafts, style)
    definitions = _definitions(network, drafts) if style != "volumes" else ()
    if style == "overview":
        definitions = (*definitions, *_stairs(drafts))
    layers = counted(costs.depth, "weight layer")
    return Drawing(
        network.name,
        f"{total(costs.total.params)} params · {total(costs.total.macs)} MACs · {layers}",
        body,
        definitions,
        tuple(k for k in KINDS if k in drafts.kinds),
        drafts.scale,
        (*footer, *_remarks(body, drafts), *_left_out(network)),
        drafts.most,
    )


def _style(network: Network, drafts: Drafts, style: Style) -> Body | Arms | Poster:
    if style == "u":
        return arms(network, drafts)
    return poster(network, drafts) if style == "volumes" else _body(network, drafts)


def _remarks(body: Body | Arms | Poster, drafts: Drafts) -> Iterator[str]:
    """What a reader has to know of the style."""
    if isinstance(body, Arms):
        yield "the right arm is read upwards"
    if isinstance(body, Poster) and not body.is_all:
        yield "of parallel ways the longest is drawn"
    if drafts.folded:
        yield f"`--expand {drafts.folded[0]}` opens what is folded there"
    growths = {growth.words for growth in drafts.growths}
    if "a + n·k" in growths:
        yield "a + n·k: n layers that each join k maps to all before them"
    if "+k" in growths:
        yield "+k: k maps are joined to all before them"
    if drafts.look.shading is not None and drafts.most:
        yield f"a row has at most {SHADES[drafts.look.shading](drafts.most)}"


def _left_out(network: Network) -> Iterator[str]:
    """What only training has."""
    if names := [o.name for o in network.outputs if o.training]:
        yield f"without what only training has: {', '.join(names)}"


def check_rows(network: Network, look: Look) -> None:
    """Raises `Refusal` for a network that is too large for an expanded picture."""
    rows = _rows(gathered(network), look)
    if rows > MOST_EXPANDED:
        help = "`--style overview` folds it, `--expand PATH` opens single calls"
        raise Refusal(f"{network.name} expanded has about {rows:_} rows, more than {MOST_EXPANDED:_}; {help}")


def _rows(network: Network, look: Look) -> int:
    """About how many rows the expanded picture has; calls of one module in a row count once."""
    counted: dict[int, int] = {}
    for module in modules(network):
        rows, before = 0, None
        for node in module.nodes:
            if isinstance(node.operator, Module):
                rows += 0 if node.operator is before else counted[id(node.operator)]
            elif not look.fuses or node.operator.category not in FUSED:
                rows += 1
            before = node.operator
        counted[id(module)] = rows
    return counted[id(network.body)]


def _runs(network: Network) -> Counter[int]:
    """How often each module runs in the unrolled network, by identity."""
    runs: Counter[int] = Counter({id(network.body): 1})
    for module in reversed(list(modules(network))):
        for node in module.nodes:
            if isinstance(node.operator, Module) and not node.training:
                runs[id(node.operator)] += node.times * runs[id(module)]
    return runs


def _body(network: Network, drafts: Drafts) -> Body:
    pairs = zip(network.inputs, network.body.inputs, strict=True)
    inputs = [drafts.terminal(name, name, value) for name, value in pairs]
    shown = [o for o in network.outputs if not o.training]
    outputs = [(drafts.terminal(o.name, o.name, o.value), o.value) for o in shown]
    return assemble(drafts, drafts.between(network.body, "", inputs, outputs), is_network=True).body


def _definitions(network: Network, drafts: Drafts) -> tuple[Group, ...]:
    """The blocks that rows stand for, in the order of their first calls; what differs in figures alone is one."""
    runs = _runs(network)
    forms = _Forms()
    drawn = 0
    while drawn < len(drafts.closed):
        module, path = list(drafts.closed.values())[drawn]
        body = _definition(module, path, drafts)
        forms.add(module, body)
        drawn += 1
    order = {id(module): index for index, module in enumerate(_by_first_call(network.body, set()))}
    found = sorted(forms.groups.values(), key=lambda instances: min(order[id(m)] for m, _ in instances))
    return tuple(_merged(instances, runs, drafts) for instances in found)


class _Forms:
    """Definitions by what they share: each group is drawn as one."""

    def __init__(self) -> None:
        self.groups: dict[tuple[object, ...], list[tuple[Module, Body]]] = {}
        self._branches: dict[tuple[object, ...], dict[object, object]] = {}

    def add(self, module: Module, body: Body) -> None:
        own = branches(body)
        for number in count():
            key = (module.name, form(body), number)
            known = self._branches.setdefault(key, {})
            if all(known.get(branch, shape) == shape for branch, shape in own.items()):
                known |= own
                self.groups.setdefault(key, []).append((module, body))
                return


def _stairs(drafts: Drafts) -> Iterator[Group]:
    """The first state that grows, channel by channel."""
    for path, layers, _ in drafts.growths[:1]:
        depth = len(layers)
        shown = layers if depth <= MOST_STAIRS else (*layers[: MOST_STAIRS - 3], *layers[-2:])
        stairs = Stairs(drafts.key(), layers[0].reads, shown, depth - len(shown))
        owner = path.rpartition(".")[0].rpartition(".")[2]
        title = f"{owner}, channel by channel" if owner else "channel by channel"
        edges = depth * (depth + 1) // 2
        note = f"every layer reads all that came before it: {depth} rows instead of {edges:_} crossing edges"
        yield Group(drafts.key(), "", title, "", note, 1, "scope", Body((Step(stairs, False),)))


def _by_first_call(module: Module, seen: set[int]) -> Iterator[Module]:
    """A module and those that it calls, each where it is first called."""
    seen.add(id(module))
    yield module
    for node in module.nodes:
        if isinstance(node.operator, Module) and id(node.operator) not in seen:
            yield from _by_first_call(node.operator, seen)


def _definition(module: Module, path: str, drafts: Drafts) -> Body:
    inputs = [drafts.terminal("", value.tap or "in", value) for value in module.inputs]
    outputs = [(drafts.terminal("", "", value), value) for value in module.outputs]
    return assemble(drafts, drafts.between(module, path, inputs, outputs)).body


def _merged(found: list[tuple[Module, Body]], runs: Counter[int], drafts: Drafts) -> Group:
    """The definition of instances of one form."""
    instances, bodies = zip(*found, strict=True)
    uses = sum(runs[id(m)] for m in instances)
    note = f"used {uses:_} times · drawn once" if uses > 1 else "used once"
    title = drafts.calls.text(instances[0])
    if len(instances) > 1:
        title = drafts.calls.general(instances)
    return Group(drafts.key(), "", title, "", note, 1, "definition", Generaliser(instances).body(bodies))
