"""Coverage-guided fuzzing of all that reads a spec, with libFuzzer under Atheris.

    pip install -c constraints.txt -e '.[dev,fuzz]'
    python tests/fuzz/fuzz.py --seconds 600 --seed 1

A text is a find where a command raises or takes more than two seconds of the processor, where the exit code of `check`
says something else than its diagnostics, where a formatted spec reads differently or formats differently again, where the
text of a graph reads back as another, or where the emitted PyTorch is no Python. docs/contributing/fuzzing.md keeps what
the runs found.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import re
import sys
import tempfile
import time
import traceback
from itertools import pairwise
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["archdsl"]):
    from archdsl.backends.drawing import Look, draw
    from archdsl.backends.pytorch import emit
    from archdsl.cli import main
    from archdsl.ir import Network, TooManyOperators, print_network, read_network
    from archdsl.ops import find
    from archdsl.pages import footer_of
    from archdsl.pipeline import Checked, open_source, subject_of
    from archdsl.reports import Options, render_json, render_text, report
    from archdsl.source import FileProblem, Source, decode_spec
    from archdsl.source.machine import sarif
    from archdsl.syntax import parse, tree
    from archdsl.syntax.format import format_source
    from archdsl.syntax.lexer import KEYWORDS, tokenize

ROOT = Path(__file__).parents[2]
SECONDS = 2.0
LENGTH = 3_000
NETWORKS = 2
SPEC = re.compile(r"^```arch ?\S*\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
WORDS = [
    *KEYWORDS, *"{}()[]|,:=;~+-*/%^<>.\n", "->", "..", "..<", "//", "==", "conv(8, 3x3)", "relu", "add", "concat", "as t", "in",
    "image", "3x3", "0.5", "1e9", "4k", '"{i}"', "10^12", "linear(10)", "flatten", "split(2)", "H", "W", "a:",
]  # fmt: skip


def seeds() -> list[str]:
    """The bundled specs, and the specs of the case pages and of the wrong ones."""
    pages = [*(ROOT / "tests" / "cases").rglob("*.md"), *(ROOT / "tests" / "golden" / "mistakes").glob("*.md")]
    texts = [path.read_text("utf-8") for path in (ROOT / "specs").glob("*.arch")]
    texts += [spec for page in pages for spec in SPEC.findall(page.read_text("utf-8"))]
    return [text for text in texts if len(text) <= LENGTH]


def spelled(text: str) -> list[str]:
    """The tokens of a text, and what stands between them."""
    starts = [0, *(token.start for token in tokenize(Source("fuzz.arch", text)).tokens), len(text)]
    return [text[a:b] for a, b in pairwise(starts)]


def mutated(data: bytes, size: int, seed: int) -> bytes:
    """Half of the time libFuzzer's bytes; else tokens deleted, doubled, swapped, or taken from a list or another place."""
    chance = random.Random(seed)
    if chance.random() < 0.5:
        mutant: bytes = atheris.Mutate(data, size)
        return mutant
    pieces = spelled(data.decode("utf-8", "replace")) or [""]
    for _ in range(chance.randint(1, 4)):
        at, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
        pieces[at] = chance.choice(["", pieces[at] * 2, pieces[other], chance.choice(WORDS) + " "])
    return "".join(pieces).encode("utf-8")[:size]


class Finds:
    """What was found, each place once; the texts go into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places: set[str] = set()

    def run(self, data: bytes) -> None:
        try:
            run(data)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
            if place not in self.places:
                self.places.add(place)
                (self.folder / f"find{len(self.places)}").write_bytes(data)
                print(f"FIND {len(self.places)}: {place}: {error}", flush=True)


def run(data: bytes) -> None:
    """One text through everything. Raises where a promise is broken."""
    start = time.process_time()
    with contextlib.suppress(FileProblem):
        _through(decode_spec("fuzz.arch", data))
    spent = time.process_time() - start
    assert spent < SECONDS, f"{spent:.1f} s"


def _through(source: Source) -> None:
    spec = open_source(source, Path())
    checked = [spec.check(name) for name in spec.networks[:NETWORKS]]
    found = spec.findings(checked)
    sarif(found, "0")
    for network in checked:
        if network.network is not None:
            _written(network, network.network)
    if not parse(source)[1]:
        _formats(source)
    _exits(source, any(d.severity == "error" for d in found) and len(spec.networks) <= NETWORKS)


def _written(checked: Checked, network: Network) -> None:
    """Everything that is written about a network, and its graph as text, read back."""
    with contextlib.suppress(TooManyOperators):
        subject = subject_of(checked, hints=True)
        render_json([subject])
        render_text(report("all", subject, Options(formulas=True)), 100)
    compile(emit(network), "generated.py", "exec")
    draw(network, checked.facts.cost, Look("svg"), footer_of(checked))
    draw(network, checked.facts.cost, Look("dot"))
    printed = print_network(network)
    assert print_network(read_network(printed, find)) == printed, "the graph's text reads back as another"


def _formats(source: Source) -> None:
    once = formatted(source)
    again = Source("fuzz.arch", once)
    file, problems = parse(again)
    assert not problems, "what is formatted does not parse"
    assert plain(file.items) == plain(parse(source)[0].items), "what is formatted means something else"
    assert formatted(again) == once, "what is formatted is formatted again"


def formatted(source: Source) -> str:
    text, problems = format_source(source)
    assert text is not None, f"cannot be formatted: {problems}"
    return text


def plain(value: Any) -> Any:
    """A tree without its places."""
    if isinstance(value, tree.Syntax):
        return (type(value).__name__, *(plain(getattr(value, field)) for field in value.fields if field != "span"))
    return [plain(item) for item in value] if isinstance(value, list) else value


def _exits(source: Source, has_error: bool) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "fuzz.arch"
        path.write_text(source.text, "utf-8")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
            code = main(["check", str(path)])
    assert code in (0, 1), f"exit code {code}"
    assert code == 1 or not has_error, "exit code 0 and an error"
    assert (code == 1) == ("error[" in errors.getvalue() or "... and " in errors.getvalue()), (
        "exit code and diagnostics differ"
    )


def fuzz() -> None:
    options = argparse.ArgumentParser(description="Fuzzes archdsl. Finds are named, and their texts kept.")
    options.add_argument("--seconds", type=int, default=600)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "fuzz", help="keeps the texts that reached new code"
    )
    options.add_argument("--replay", type=Path, help="runs one text")
    given = options.parse_args()
    if given.replay is not None:
        run(given.replay.read_bytes())
        return
    corpus = given.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(seeds()):
        (corpus / f"seed{number}").write_text(text, "utf-8")
    limits = {
        "max_total_time": given.seconds,
        "seed": given.seed,
        "max_len": LENGTH,
        "timeout": 60,
        "rss_limit_mb": 4096,
    }
    flags = [f"-{name}={value}" for name, value in limits.items()]
    command = [sys.argv[0], str(corpus), f"-artifact_prefix={given.folder}/", *flags]
    atheris.Setup(command, Finds(given.folder).run, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz()
