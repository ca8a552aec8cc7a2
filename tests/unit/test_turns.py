"""Turns of a loop that are alike: one stands for a row of them, and every figure is that of all turns written out."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.cost import op_cost, totals, works
from archdsl.analyses.difference import Difference, difference
from archdsl.analyses.memory import Arithmetic, TrainingSettings
from archdsl.analyses.turns import Split, run_turns
from archdsl.analyses.weights import tells_turns_apart
from archdsl.ir import Network, TooManyOperators, flatten, modules, print_network, read_network, unfold, written
from archdsl.ops import find
from archdsl.pipeline import Checked, open_source, open_spec
from archdsl.reports import Options, Subject, render_json, report
from archdsl.reports.outline import outline
from archdsl.source import Source

SPECS = Path(__file__).parents[2] / "specs"
BLOCKS = """
default conv(pad=half)
block res { add { | in -> conv(8, 3x3) -> bn -> relu | in } -> relu }
block stage(n) { repeat n { res -> conv(8, 1x1) } }
block two(p: tensor) { return in, p }
block exchange { in[0] -> conv(8, 3x3) -> add(in[1]) as a
  return a, in[0] }
block four(p: tensor, q: tensor, r: tensor) { return in, p, q, r }
block rotate { in[0] -> conv(8, 3x3) as new
  return in[1], in[2], in[3], new }
network A {
  input image: [8, 16, 16]
"""
BODIES = {
    "a chain": "repeat 20 { conv(8, 3x3) -> relu }",
    "a loop that does not ask": "for i in 0..<20 { conv(8, 3x3) -> relu }",
    "rows that nobody reads": "for a, b in [[j, 1] for j in 0..<20] { res }",
    "residual blocks": "repeat 20 { res }",
    "names for reports": "add { | in | relu }\nrepeat 20 { add { | conv(8, 3x3) -> relu | relu } }",
    "between labels": "stem: relu\nlayers: { repeat 20 { res } }\nhead: { relu -> conv(2, 1x1) }",
    "loops in loops": "repeat 15 { repeat 12 { conv(8, 1x1) -> relu }\nadd { | in | bn } }",
    "loops in blocks": "repeat 3 { stage(15) }\nrepeat 14 { stage(12) }",
    "a shared instance": "shared tower = { conv(8, 3x3) -> relu }\nrepeat 16 { tower -> bn }",
    "a side branch": "repeat 14 { relu -> conv(8, 3x3) }\ntraining { flatten -> linear(3)\noutput aux }\nrelu",
    "values that wait": "relu as p\nin -> tanh as q\nin -> abs as r\nfour(p, q, r)\nrepeat 30 { rotate }\nconcat",
    "two streams": "relu as p\ntwo(p)\nrepeat 20 { exchange }\nconcat",
    "fields that are all": "repeat 20 { add { | conv(8, 3x3) | avgpool(global) } }",
    "fields that double": "conv(8, 16x16, pad=0)\nrepeat 40 { conv(8, 3x3, stride=2, pad=1) }",
    "paths that wait": "in -> conv(8, 11x11) as far\nrepeat 40 { add { | conv(8, 3x3) | far } }",
}

TURNS = re.compile(r"(?<![\dx])[1-6]\d(?= {|\)|\])")


def checked(text: str, monkeypatch: pytest.MonkeyPatch, fewest: int) -> Checked:
    monkeypatch.setattr("archdsl.elaborate.turns.FEWEST", fewest)
    spec = open_source(Source("case.arch", text), Path())
    found = spec.check(spec.networks[-1])
    assert found.network is not None, (spec.problems, found.problems)
    return found


@pytest.fixture(params=BODIES)
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Facts, Facts]:
    """A network with all turns written out, and with rows of turns that one stands for."""
    text = f"{BLOCKS}{BODIES[request.param]}\n}}\n"
    whole, short = (checked(text, monkeypatch, fewest).facts for fewest in (10**9, 1))
    assert any(n.repeat for m in modules(short.network) for n in m.nodes)
    return whole, short


def test_unfolding_gives_the_network(pair: tuple[Facts, Facts]) -> None:
    whole, short = pair
    assert print_network(unfold(short.network)) == print_network(whole.network)


def test_the_print_reads_back(pair: tuple[Facts, Facts]) -> None:
    text = print_network(pair[1].network)
    read = read_network(text, find)
    assert print_network(read) == text
    assert Facts(read).cost[:4] == pair[0].cost[:4]


def test_costs(pair: tuple[Facts, Facts]) -> None:
    whole, short = pair
    assert short.cost[:4] == whole.cost[:4]
    assert short.operators == len(whole.flat.layers)
    flat = [flatten(facts.network, training=True) for facts in pair]
    assert totals(works(flat[1])) == totals(works(flat[0]))


def test_fields(pair: tuple[Facts, Facts]) -> None:
    whole, short = pair
    for path in short.flat.paths:
        assert short.fields.of(path) == whole.fields.of(path), path


@pytest.mark.parametrize("batch", [1, 3])
def test_memory(pair: tuple[Facts, Facts], batch: int) -> None:
    whole, short = (facts.memory_at(batch) for facts in pair)
    assert short.figures == whole.figures
    assert short.inference.moments[-1].step == whole.inference.moments[-1].step
    assert short.saved.bytes_with_loss == whole.saved.bytes_with_loss
    for name in ("values", "weights", "biases"):
        assert getattr(short.lecture, name) == getattr(whole.lecture, name)


SETTINGS = (
    TrainingSettings(optimizer="momentum", zero_grad="late"),
    TrainingSettings(optimizer="adam", implementation="foreach", precision="bf16-mixed"),
    TrainingSettings(loss="none", zero_grad="never"),
)


@pytest.mark.parametrize("settings", SETTINGS)
def test_memory_of_a_step(pair: tuple[Facts, Facts], settings: TrainingSettings) -> None:
    compare(pair, settings)


def compare(pair: tuple[Facts, Facts], settings: TrainingSettings) -> None:
    for batch in (1, 3):
        whole, short = (facts.training(settings, batch) for facts in pair)
        figures = ("peak", "gradients", "optimizer_temporary", "saved_for_backward", "activation_peak")
        for name in (*figures, "recomputed_macs", "status"):
            assert getattr(short, name) == getattr(whole, name), name
        assert short.held[:5] == whole.held[:5]
        assert max(short.lines) == max(whole.lines) and short.peak_at(64) == whole.peak_at(64)
        moments = {moment.step: (moment.phase, moment.bytes) for moment in whole.timeline}
        assert [moments[m.step] for m in short.timeline] == [(m.phase, m.bytes) for m in short.timeline]
        assert sum(a.bytes for a in short.alive) == sum(a.bytes for a in whole.alive)
        assert all(a.bytes > 0 for a in short.alive)


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ("residual blocks", TrainingSettings(checkpoint=("*",))),
        ("residual blocks", TrainingSettings("adam", checkpoint=("*", "*.*"), precision="bf16-mixed")),
        ("residual blocks", TrainingSettings("adam", freeze=("*.0",), loss="none")),
        ("between labels", TrainingSettings("momentum", checkpoint=("layers",), freeze=("layers.*.1",))),
        ("between labels", TrainingSettings("momentum", checkpoint=("*", "*.*", "*.*.*"), zero_grad="late")),
        ("loops in loops", TrainingSettings(checkpoint=("*",))),
        ("loops in blocks", TrainingSettings("adam", checkpoint=("*", "*.*.*"), freeze=("*.*.0",))),
        ("a shared instance", TrainingSettings(checkpoint=("tower", "tower.*"))),
    ],
)
def test_turns_that_run_twice_or_are_frozen_alike(
    body: str, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, short = (checked(f"{BLOCKS}{BODIES[body]}\n}}\n", monkeypatch, fewest).facts for fewest in (10**9, 1))
    assert not tells_turns_apart(short.network, (*settings.freeze, *settings.checkpoint))
    compare((whole, short), settings)


@pytest.mark.parametrize(
    ("pattern", "is_apart"),
    [
        ("*", False),
        ("layers.*.0", False),
        ("layers.0", False),
        ("layers.12", True),
        ("layers.20", False),
        ("layers.1?.0", True),
        ("layers.1*", True),
        ("layers.[0-9]*", True),
        ("layers.x*", False),
        ("head.1*", False),
    ],
)
def test_which_paths_tell_turns_apart(pattern: str, *, is_apart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers 0, 1, ... and 17, 18, 19 are written out; one in between stands for all others."""
    short = checked(f"{BLOCKS}{BODIES['between labels']}\n}}\n", monkeypatch, 1)
    assert tells_turns_apart(short.facts.network, (pattern,)) == is_apart


def test_a_million_blocks_that_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each keeps its operand, of 8 * 16 * 16 numbers of 4 bytes for both samples, and a random state."""
    turns = 1_000_000
    facts = checked(f"{BLOCKS}repeat {turns} {{ res }}\n}}\n", monkeypatch, 24).facts
    kept = facts.training(TrainingSettings(loss="none", checkpoint=("*",)), 2).saved_for_backward
    assert kept == turns * (2 * 8 * 16 * 16 * 4 + 5056)


def test_frozen_turns_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20 layers with 8 * 8 + 8 parameters of 4 bytes, one that is left out of the graph has no gradient."""
    facts = checked(f"{BLOCKS}layers: {{ repeat 20 {{ conv(8, 1x1) }} }}\n}}", monkeypatch, 1).facts
    assert facts.training(TrainingSettings(freeze=("layers.9",)), 1).gradients == 19 * (8 * 8 + 8) * 4


def test_every_path_has_a_turn_that_stands_for_it(pair: tuple[Facts, Facts]) -> None:
    whole, short = pair
    for path in (layer.path for layer in whole.flat.layers):
        found = written(short.network, path)
        assert found in short.flat.paths
        (layer,) = {x.op.summary() for x in whole.flat.layers if x.path == path}
        assert layer in {x.op.summary() for x in short.flat.layers if x.path == found}


@pytest.mark.parametrize("name", ["ResNet110", "PreActResNet164"])
def test_networks_of_the_zoo(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    networks: list[Network] = []
    for fewest in (10**9, 1):
        monkeypatch.setattr("archdsl.elaborate.turns.FEWEST", fewest)
        found = open_spec(SPECS / "resnet_cifar.arch").check(name)
        assert all(verdict.holds for verdict in found.verdicts)
        assert found.network is not None
        networks.append(found.network)
    assert print_network(unfold(networks[1])) == print_network(networks[0])
    assert Facts(networks[1]).cost[:4] == Facts(networks[0]).cost[:4]


def test_a_million_blocks() -> None:
    """Of each: two convolutions with 8 * 8 * 9 + 8 parameters and norms with 16; fields grow by 4."""
    text = f"{BLOCKS}repeat 1_000_000 {{ add {{ | conv(8, 3x3) -> bn -> conv(8, 3x3) -> bn | in }} }}\n}}"
    spec = open_source(Source("case.arch", text), Path())
    facts = spec.check("A").facts
    assert facts.cost.total.params == 1_000_000 * 2 * (8 * 8 * 9 + 8 + 16)
    assert facts.cost.total.macs == 1_000_000 * 2 * 8 * 8 * 9 * 16 * 16
    assert facts.cost.depth == 2_000_000
    assert facts.fields.values[facts.flat.outputs[0]].size == (4_000_001, 4_000_001)  # type: ignore[union-attr]
    assert len(facts.flat.layers) < 100
    (document,) = [json.loads(render_json([Subject(facts, training=facts.training(TrainingSettings()))]))]
    counts = [layer["repeat"] for layer in document["layers"] if layer["repeat"]]
    assert len(counts) == 5 and len(set(counts)) == 1 and len(document["layers"]) < 100
    assert document["memory"]["training"]["gradients"] == 4 * facts.cost.total.params
    assert document["memory"]["training"]["cuda"] is None
    with pytest.raises(TooManyOperators, match="5_000_000 operators"):
        unfold(facts.network)


def test_loops_in_loops_are_left_out_where_all_their_turns_are_many() -> None:
    """Of 40 and 50 turns, and of 50 in these, and then in all three loops: of each 8 turns stand. Fewer are written out."""
    loops = "network A { input x: [3, 8, 8]; repeat 40 { repeat 50 { %s conv(3, 1x1, bias=false) } %s } }"
    many, few = (
        open_source(Source("", loops % middle), SPECS).check("A").network for middle in (("repeat 50 {", "}"), ("", ""))
    )
    assert many is not None and few is not None
    assert len(few.body.nodes) == 40 * 50 and len(many.body.nodes) == 8**3
    assert Facts(many).cost.total.params == 9 * 40 * 50**2
    assert Facts(many).cost.total.macs == 9 * 64 * 40 * 50**2


def test_loops_around_rows_are_left_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 convolutions of 8 * 8 + 8, 10_000 of 8 * 8 * 9 + 8 and a million of 8 * 8, in few nodes."""
    body = "conv(8, 1x1) -> relu; repeat T { conv(8, 3x3); repeat T { conv(8, 1x1, bias=false) -> relu } }"
    text = f"network A {{ default conv(pad=half); input x: [8, 4, 4]; repeat T {{ {body} }} }}"
    spec = open_source(Source("", text.replace("T", "100")), SPECS).check("A")
    assert spec.network is not None and len(spec.network.body.nodes) < 2_000
    total = Facts(spec.network).cost.total
    assert total.params == 100 * 72 + 100**2 * 584 + 100**3 * 64
    assert total.macs == 16 * (100 * 64 + 100**2 * 576 + 100**3 * 64)
    short = open_source(Source("", text.replace("T", "30")), SPECS).check("A").network
    monkeypatch.setattr("archdsl.elaborate.turns.FEWEST", 10**9)
    monkeypatch.setattr("archdsl.elaborate.turns.FEWEST_INSIDE", 10**9)
    whole = open_source(Source("", text.replace("T", "30")), SPECS).check("A").network
    assert short is not None and whole is not None
    assert len(short.body.nodes) < 2_000 < 30**3 < len(whole.body.nodes)
    assert print_network(unfold(short)) == print_network(whole)


def test_too_many_turns_name_the_loop_that_spends_most() -> None:
    text = f"{BLOCKS}repeat 10 {{ repeat 3_000_000 {{ relu -> tanh -> sigmoid -> relu }} }}\nrepeat 1_000_000 {{ relu }}\n}}"
    spec = open_source(Source("case.arch", text), Path())
    (problem,) = spec.check("A").problems
    assert problem.code == "budget-exceeded" and "100_000_000 operators" in problem.message
    assert problem.primary is not None and problem.primary.span.text.startswith("repeat 3_000_000")


def test_a_label_may_not_be_that_of_a_turn_left_out() -> None:
    text = f"{BLOCKS}repeat 1000 {{ conv(8, 1x1) }}\nNAME: relu\n}}"
    for name, code in (('"500"', "duplicate-path"), ('"1000"', None), ("fc", None)):
        spec = open_source(Source("case.arch", text.replace("NAME", name)), Path())
        errors = [p.code for p in spec.check("A").problems if p.severity == "error"]
        assert errors == ([code] if code else []), name


def test_a_label_before_the_loop_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """`add_30` is taken, so the turn that would call its merge so calls it `add_31`."""
    text = f"{BLOCKS}add_30: {{ add {{ | in | relu }} }}\nrepeat 60 {{ add {{ | in | relu }} }}\n}}"
    whole, short = (checked(text, monkeypatch, fewest).network for fewest in (10**9, 1))
    assert whole is not None and short is not None
    assert "add_31" in Facts(whole).flat.paths and len(short.body.nodes) < len(whole.body.nodes)
    assert print_network(unfold(short)) == print_network(whole)


CLAIMS = """
  expect shape(layers.700) == [8, 16, 16]
  expect params(layers.700) == 584
  expect receptive_field(layers.700) == 1403
  expect receptive_field(layers.999) == 2001
"""


def test_claims_about_a_turn_left_out() -> None:
    spec = open_source(Source("case.arch", f"{BLOCKS}layers: {{ repeat 1000 {{ conv(8, 3x3) }} }}\n{CLAIMS}}}"), Path())
    assert [verdict.holds for verdict in spec.check("A").verdicts] == [True] * 4


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100, 1001, 10**9 + 7])
def test_turns_in_leaps(count: int) -> None:
    """A slow number that is overtaken by a fast one, one that ends at a bound, and one that stays."""

    def turn(state: tuple[int, ...]) -> tuple[int, ...]:
        slow, fast, bounded, still = state
        return max(slow + 1, fast), fast + 2, min(bounded + 3, 5000), still

    start: tuple[int, ...] = (1000, 0, 0, 4)
    expected = (max(1000 + count, 2 * (count - 1) if count else 0), 2 * count, min(3 * count, 5000), 4)
    found = run_turns(count, start, turn, lambda state: Split(None, state), lambda split: split.numbers)
    assert found == expected


def test_turns_that_grow_ever_faster_are_not_known() -> None:
    start: tuple[int, ...] = (1,)
    found = run_turns(10**6, start, lambda s: (2 * s[0],), lambda s: Split(None, s), lambda split: split.numbers)
    assert found is None


BOTTOM = """block b0(other: tensor) {
  conv(8, 3x3, pad=1) as x
  other -> conv(8, 1x1) -> conv(8, 1x1) as y
  return x, y
}
"""
LEVEL = """block bN(other: tensor) {
  bM(other) as first
  first[0] -> bM(first[1]) as second
  return second[0], second[1]
}
"""
TOP = """network A {
  input image: [8, 6, 6]
  bN(image) as last
  output x = last[0]
  output y = last[1]
}
"""


def doubling(levels: int) -> Network:
    """Blocks of two streams, each a row of two of the one below: below all, a stream goes through one layer or two."""
    blocks = [LEVEL.replace("N", str(n)).replace("M", str(n - 1)) for n in range(1, levels + 1)]
    text = "".join([BOTTOM, *blocks, TOP.replace("N", str(levels))])
    network = open_source(Source("case.arch", text), Path()).check("A").network
    assert network is not None
    return network


@pytest.mark.parametrize("levels", [1, 4])
def test_blocks_that_are_listed_once_have_the_counts_of_all_calls(levels: int) -> None:
    network = doubling(levels)
    for training in (False, True):
        whole, once = flatten(network, training), flatten(network, training, once=True)
        assert len(once.layers) == 3 < len(whole.layers)
        for count in ("params", "macs", "values", "state_bytes"):
            sums = [sum(getattr(op_cost(n.op, n.node), count) * n.times for n in f.layers) for f in (once, whole)]
            assert sums[0] == sums[1]
        assert {layer.path for layer in once.layers} <= {layer.path for layer in whole.layers}
        counts = Counter(str(layer.op) for layer in whole.layers)
        assert sum(layer.times for layer in once.layers) == counts.total()


def test_the_document_of_blocks_that_double_has_each_of_them_once() -> None:
    network = doubling(24)
    facts = Facts(network)
    (document,) = [json.loads(render_json([Subject(facts)]))]
    layers = document["layers"]
    assert sum(layer["params"] * (layer["repeat"] or 1) for layer in layers) == facts.cost.total.params
    assert sum(layer["macs"] * (layer["repeat"] or 1) for layer in layers) == document["totals"]["macs"]
    assert [layer["repeat"] for layer in layers] == 3 * [2**24]
    assert document["memory"]["timeline"] is None and len(document["scopes"]) == 1 + 2 * 24
    assert document["memory"]["parameters"] == 4 * facts.cost.total.params
    for name in ("summary", "shapes", "params", "flops", "formulas"):
        tables = report(name, Subject(facts))
        assert sum(len(table.rows) for table in tables) < 40


@pytest.mark.parametrize("name", BODIES)
def test_tables_have_one_row_for_all_turns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many turns there are, as many rows, which add up to the totals."""
    short, long = (
        Subject(checked(f"{BLOCKS}{TURNS.sub(count, BODIES[name])}\n}}\n", monkeypatch, 1).facts)
        for count in ("300", "3000")
    )
    rows = [entry for entry in outline(long, Options()) if not entry.is_opened]
    assert len(rows) == len([entry for entry in outline(short, Options()) if not entry.is_opened])
    assert sum(entry.cost.macs for entry in rows) == long.facts.cost.total.macs
    assert sum(entry.cost.params for entry in rows) == long.facts.cost.total.params
    assert max(entry.times for entry in rows) >= 2990


def test_blocks_that_double_cost_what_is_distinct() -> None:
    """16,777,216 times three layers, whose two streams run further and further apart."""
    network = doubling(24)
    facts = Facts(network)
    assert facts.cost.total.params == 2**24 * (8 * 8 * 9 + 8 + 2 * (8 * 8 + 8))
    assert facts.cost.total.macs == 2**24 * 36 * 8 * 8 * (9 + 2)
    assert facts.cost.depth == 2 * 2**24
    assert facts.roofline("h200").flops == 2 * facts.cost.total.macs
    assert difference(network, network) == difference(network, doubling(24)) == Difference()
    for listed in (
        lambda: facts.flat,
        lambda: facts.lifetimes(Arithmetic()),
        lambda: facts.roofline("h200", settings=TrainingSettings()),
        lambda: facts.training(TrainingSettings()),
    ):
        with pytest.raises(TooManyOperators, match="83_886_079 operators"):
            listed()
