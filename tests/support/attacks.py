"""Files made to hurt, each with what `archdsl` has to answer; run in a process of its own under limits.

    python -m tests.support.attacks

prints the time of the processor and the memory that each of them takes, as the page of the budgets shows them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
NETWORK = "network A {{\n  input image: [{shape}]\n{text}\n}}\n"
CHILD = """
import json, os, resource, subprocess, sys
def limit():
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
done = subprocess.run([sys.executable, "-m", "archdsl", *sys.argv[1:]], capture_output=True, stdin=subprocess.DEVNULL,
                      preexec_fn=limit)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, done.stderr.decode("utf-8", "replace"), used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
"""A small process between: what a process is said to take at most begins with the size of the one that started it."""


class Outcome(NamedTuple):
    """What a command left behind: seconds of the processor, and the most memory it had, in MB."""

    code: int
    errors: str
    seconds: float
    megabytes: float


class Attack(NamedTuple):
    """A text, or more files by name, and what the command says of it.

    A name that ends in `->` is a link to the path given, one that ends in `|` a pipe that nobody writes to.
    """

    says: str
    text: Callable[[], str | bytes]
    files: dict[str, str] = {}  # noqa: RUF012 - never written
    command: tuple[str, ...] = ("check",)
    code: int = 1

    def run(self) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {"case.arch": self.text(), **self.files}.items():
                _write(Path(folder, name.rstrip("->|")), name, text)
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-c", CHILD, *self.command, "case.arch"]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True, timeout=240)
        code, errors, seconds, kilobytes = json.loads(done.stdout)
        return Outcome(code, errors, seconds, kilobytes / 1000)


def _write(path: Path, name: str, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith("->"):
        path.symlink_to(str(text))
    elif name.endswith("|"):
        os.mkfifo(path)
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))


def body(text: str, shape: str = "3, 8, 8") -> str:
    return NETWORK.format(shape=shape, text=text)


def calls(*, inline: bool) -> str:
    word = "inline block" if inline else "block"
    return (
        "".join(f"{word} b{i} {{ b{i + 1} -> b{i + 1} }}\n" for i in range(55))
        + f"{word} b55 {{ relu }}\n"
        + body("b0")
    )


def chain(length: int) -> dict[str, str]:
    return {f"f{i}.arch": f'import b from "f{i + 1}.arch"\nblock b{i} {{ relu }}\n' for i in range(length)}


def importing(path: str) -> Callable[[], str]:
    return lambda: f'import b from "{path}"\n' + body("b")


DOUBLING_TEXT = 'let a0 = "aaaaaaaa"\n' + "".join(f'let a{i + 1} = "{{a{i}}}{{a{i}}}"\n' for i in range(60))
SUM = "(" + " + ".join(f"S{i}" for i in range(12)) + ")"
MANY_SYMBOLS = "network A {\n  input x: [" + ", ".join(f"S{i}" for i in range(12)) + "]\n"

ATTACKS: dict[str, Attack] = {
    "a tower of powers": Attack("a number of more than 512 bits", lambda: body("let x = 2^2^2^2^2^2")),
    "fractions that grow": Attack("a number of more than 512 bits", lambda: body("let x = (1/3)^300\nlet y = x * x")),
    "nested loops of 9000 turns": Attack(
        "this loop spends it",
        lambda: body("for a in 0..<9000 {\n  for b in 0..<9000 {\n    relu; where a + b >= 0\n  }\n}"),
    ),
    "blocks that double, 56 deep": Attack("more than 100_000_000 operators", lambda: calls(inline=False)),
    "inline blocks that double, 56 deep": Attack(
        "more work than that of 200_000 statements", lambda: calls(inline=True)
    ),
    "10,000 labels with a hole": Attack(
        "", lambda: body("let k = 1\n" + "".join(f'"l{i}_{{k}}": abs\n' for i in range(10_000))), code=0
    ),
    "the summary of 1,600 layers, 1,000 times": Attack(
        "", lambda: body("repeat 1_000 {\n" + "linear(8)\n" * 1_600 + "}"), command=("report", "summary"), code=0
    ),
    "a block without end": Attack(
        "calls are nested deeper than 60", lambda: "block f(n) { f(n + 1) }\n" + body("f(0)")
    ),
    "100,000 brackets": Attack("nested deeper than 100 levels", lambda: body("let x = " + "[" * 100_000)),
    "100,000 braces": Attack("nested deeper than 100 levels", lambda: body("{" * 100_000 + "relu" + "}" * 100_000)),
    "5,000 branches in branches": Attack(
        "nested deeper than 100 levels", lambda: body("if false { " * 5000 + "relu" + " } else { relu }" * 5000)
    ),
    "a list that doubles": Attack(
        "a list of more than 10_000 items",
        lambda: body("let a0 = [0]\n" + "".join(f"let a{i + 1} = a{i} + a{i}\n" for i in range(60))),
    ),
    "a string that doubles": Attack("a string of more than 10_000 characters", lambda: body(DOUBLING_TEXT)),
    "labels of 36,000 letters": Attack(
        "a label holds", lambda: body('let s = "' + "a" * 9000 + '"\nfor i in 0..<9000 { "{s}{i}": relu }')
    ),
    "a product of sums of sizes": Attack(
        "a formula of more than 200 terms", lambda: body("let p = " + "*".join(["(H + W + 1)"] * 40), "3, H, W")
    ),
    "sums of 12 symbols multiplied": Attack(
        "a formula of more than 200 terms", lambda: MANY_SYMBOLS + f"let p = {SUM} * {SUM} * {SUM}\nrelu\n}}\n"
    ),
    "2,000 conditions on a size": Attack(
        "more work than that of", lambda: body("".join(f"where H != {n}\n" for n in range(2000)) + "relu", "3, H, W")
    ),
    "conditions of many periods": Attack(
        "no sizes were found that meet all constraints",
        lambda: body(
            "".join(f"where H % {p} == {p - 1}\n" for p in (2, 3, 5, 7, 11, 13, 17, 19, 23)) + "relu", "3, H, W"
        ),
    ),
    "60 quotients in one another": Attack(
        "", lambda: body("let x = " + "(" * 60 + "H" + " + 1)//2" * 60 + "\nrelu", "3, H, W"), code=0
    ),
    "20,000 claims": Attack("more than 1_000 claims", lambda: body("relu\n" + "expect params == 0\n" * 20_000)),
    "40,000 mistakes in lets": Attack(
        "no layer, block or value is called",
        lambda: "".join(f"let a{i} = foo{i}\n" for i in range(40_000)) + body("relu"),
    ),
    "20,000 variants of nothing": Attack(
        "no network is called", lambda: "".join(f"network V{i} = W{i}\n" for i in range(20_000)) + body("relu")
    ),
    "25,000 names declared twice": Attack(
        "is declared twice",
        lambda: "".join(f"let a{i} = 1\n" for i in range(25_000)) + "let a24999 = 1\n" * 25_000 + body("relu"),
    ),
    "20,000 defaults": Attack("", lambda: "default conv(bias=false)\n" * 20_000 + body("conv(3, 1x1)"), code=0),
    "defaults of 20,000 blocks": Attack(
        "more work than that of",
        lambda: "".join(f"block a{i}(x=1) {{ relu }}\ndefault a{i}(x=2)\n" for i in range(20_000)) + body("relu"),
    ),
    "4,000 taps on both ways of a branch": Attack(
        "",
        lambda: body(
            "for i in [0, 1] {\n"
            + "".join(f"if i == 0 {{ relu as t{k} }} else {{ relu as t{k} }}\n" for k in range(4_000))
            + "}"
        ),
        code=0,
    ),
    "unknown names among 20,000 blocks": Attack(
        "no layer, block or value is called",
        lambda: (
            "".join(f"block u{i} {{ relu as t{i} }}\n" for i in range(20_000))
            + body("".join(f"add(tt{i})\n" for i in range(2_000)))
        ),
    ),
    "20,000 outputs": Attack(
        "", lambda: body("relu as t\n" + "".join(f"output o{k} = t\n" for k in range(20_000))), code=0
    ),
    "150 values of a size joined by or": Attack(
        "", lambda: body("where " + " or ".join(f"H == {k}" for k in range(150)) + "\nrelu", "3, H, W"), code=0
    ),
    "90 divisors of a size joined by and": Attack(
        "constraint-fails",
        lambda: body("where " + " and ".join(f"H % {k} == {k - 1}" for k in range(2, 90)) + "\nrelu", "3, H, W"),
    ),
    "fmt of 10,000 networks as a diff": Attack(
        "1 of 1 file would change",
        lambda: "".join(body("relu").replace("A", f"N{i}") for i in range(10_000)),
        command=("fmt", "--diff"),
        code=0,
    ),
    "the page of 3,000 layers": Attack(
        "", lambda: body("conv(8, 3x3, pad=1)\n" * 3_000), command=("report", "all", "--format", "html"), code=0
    ),
    "the overview of 500 blocks": Attack(
        "",
        lambda: (
            "".join(f"block b{i} {{ conv({8 + i}, 1x1) {'-> relu -> conv(8, 1x1) ' * (i % 5)}}}\n" for i in range(500))
            + body("".join(f"b{i}\n" for i in range(500)))
        ),
        command=("draw", "--style", "overview"),
        code=0,
    ),
    "calls that double, each with arguments of its own": Attack(
        "spends it",
        lambda: (
            "block f(n, k) { if n > 0 { f(n - 1, 2 * k) -> f(n - 1, 2 * k + 1) } else { conv(k, 1x1) } }\n"
            + body("f(20, 1)")
        ),
    ),
    "values that each name the one before twice, compiled": Attack(
        "",
        lambda: (
            "block unit(w) {\n  let a0 = w\n"
            + "".join(f"  let a{i + 1} = a{i} + a{i}\n" for i in range(60))
            + "  conv(8, 1x1)\n  if a60 > 2^64 { conv(8, 1x1) }\n}\n"
            + body("unit(8)\nunit(16)\nunit(24)", "8, 8, 8")
        ),
        command=("compile",),
        code=0,
    ),
    "a text times 10^9 where no instance works it out, compiled": Attack(
        "",
        lambda: (
            "block unit(s, n, w) {\n  if w > 100 { conv(s * n, 1x1) }\n  conv(w * 2 + 1, 1x1) -> conv(w, 1x1)\n"
            "  if w > 4 { conv(w + 7, 1x1) }\n}\n"
            + body("".join(f'unit("{10 * c}", {10**9 - i}, {i + 4})\n' for i, c in enumerate("abc")), "3, 8, 8")
        ),
        command=("compile",),
        code=0,
    ),
    "a list of lists of lists": Attack(
        "a list of more than 10_000 items",
        lambda: body("let x = [[[i + j + k for i in 0..99] for j in 0..99] for k in 0..99]"),
    ),
    "a number of 100,000 digits": Attack("where 100 are allowed", lambda: body("let x = " + "9" * 100_000)),
    "a label of 3,000 holes": Attack("at most 200", lambda: body('let i = 1\n"a' + "{i}" * 3_000 + '": relu')),
    "a tensor of 9,000 axes": Attack("at most 16 axes", lambda: body("relu", ", ".join(["1"] * 9_000))),
    "pools and their inverse, 200 times, of an open size": Attack(
        "more than 200 terms", lambda: body("repeat 200 { maxpool(3x3, stride=2, pad=1) -> upsample(3) }", "3, H, W")
    ),
    "a layer for 10^12 turns, from the command line": Attack(
        "more than 100_000_000 operators",
        lambda: "network A(n = 3) { input x: [3]; repeat n { relu } }\n",
        command=("report", "params", "--set", "n=10^12"),
    ),
    "a list of 10^8 items, from the command line": Attack(
        "a list of more than 10_000 items",
        lambda: "network A(n = 3) { input x: [3]; repeat n { relu } }\n",
        command=("report", "params", "--set", "n=[[i for i in 0..<9999] for j in 0..<9999]"),
        code=2,
    ),
    "an input of 10^20 rows": Attack(
        "write the sizes without the batch",
        lambda: "network A { input x: [3, H, W]; relu }\n",
        command=("report", "params", "--input", "3x99999999999999999999x3"),
        code=2,
    ),
    "200 mistakes to mend": Attack(
        "becomes `conv(8, 3, pad=1)`",
        lambda: body("Conv2d(8, 3, padding=1)\n" * 200),
        command=("check", "--fix"),
        code=0,
    ),
    "all reports of 1,000 layers": Attack(
        "", lambda: body("conv(3, 1x1)\n" * 1_000), command=("report", "all"), code=0
    ),
    "fmt of 3 million lines": Attack(
        "1 of 1 file would change", lambda: "\n" * 3_000_000 + body("relu"), command=("fmt", "--diff"), code=0
    ),
    "the difference to 3,000 networks": Attack(
        "",
        lambda: "".join(body("relu").replace("A", f"N{i}") for i in range(3_000)),
        {"other.arch": body("relu")},
        command=("diff", "other.arch"),
        code=2,
    ),
    "20,000 mistakes": Attack("no layer, block or value is called", lambda: body("foo\n" * 20_000)),
    "20,000 errors of syntax": Attack("", lambda: body("foo bar\n" * 20_000), command=("check", "--format", "sarif")),
    "a file of 50 MB in one line": Attack("larger than 4 MiB", lambda: "x" * 50_000_000, code=2),
    "a file of 50 MB of lines": Attack("larger than 4 MiB", lambda: "relu\n" * 10_000_000, code=2),
    "a word of 4 MB": Attack("syntax-error", lambda: "a" * 4_000_000),
    "a comment of 4 MB": Attack("declares nothing", lambda: "#" + "a" * 4_000_000),
    "4 MB of parentheses": Attack("words, numbers and signs", lambda: "(" * 4_000_000),
    "4 MB of quotes": Attack("words, numbers and signs", lambda: '"' * 4_000_000),
    "4 MB of apostrophes": Attack("", lambda: "'\n" * 2_000_000),
    "a NUL": Attack("is not text", lambda: body("re\0lu"), code=2),
    "bytes that are no UTF-8": Attack("is not UTF-8", lambda: body("relu").encode() + b"\xff\xfe", code=2),
    "a turn of direction": Attack("U+202E", lambda: body("l\u202ebc: relu")),
    "a name of a million letters": Attack("no layer, block or value is called", lambda: body("b" * 1_000_000)),
    "fmt of 100 groups in one another": Attack(
        "nested deeper", lambda: body("a: { " * 200 + "relu" + " }" * 200), command=("fmt", "--check")
    ),
    "a file that imports itself": Attack("does not import itself", importing("case.arch")),
    "files that import each other": Attack(
        "imports this file in turn", importing("f.arch"), {"f.arch": 'import b from "case.arch"\n'}
    ),
    "2,000 imports in a row": Attack("imports are nested deeper than 32", importing("f0.arch"), chain(2_000)),
    "20 imports of 400 kB": Attack(
        "hold more than 4 MiB together",
        lambda: "".join(f'import b{i} from "f{i}.arch"\n' for i in range(20)) + body("b1"),
        {f"f{i}.arch": "# a\n" * 100_000 + f"block b{i} {{ relu }}\n" for i in range(20)},
    ),
    "an import from the folder above": Attack("outside of the spec's root", importing("../b.arch")),
    "an absolute import": Attack("outside of the spec's root", importing("/etc/passwd")),
    "a link to a file elsewhere": Attack(
        "outside of the spec's root", importing("b.arch"), {"b.arch->": "/etc/passwd"}
    ),
    "a link to a folder elsewhere": Attack("outside of the spec's root", importing("d/passwd"), {"d->": "/etc"}),
    "a link to itself": Attack("cannot read", importing("b.arch"), {"b.arch->": "b.arch"}),
    "a device without end": Attack("is no file: a device", importing("/dev/zero"), command=("check", "--root", "/")),
    "a pipe that nobody writes to": Attack("is no file: a device or a pipe", importing("b.arch"), {"b.arch|": ""}),
    "a pipe as the spec": Attack(
        "is no file: a pipe", lambda: body("relu"), {"b.arch|": ""}, command=("check", "b.arch"), code=2
    ),
    "layers given twice, 58 deep": Attack(
        "a layer of more than 1_000 layers",
        lambda: (
            "block t(f: layer, g: layer) { f -> g }\n"
            + body("let l0 = relu\n" + "".join(f"let l{i + 1} = t(l{i}, l{i})\n" for i in range(58)) + "l58")
        ),
    ),
    "a stride of 2^24": Attack("", lambda: body("conv_transpose(1, 2x2, stride=2^24)"), code=0),
    "a window of 2^30 at a stride of 1,000": Attack(
        "", lambda: body("conv_transpose(1, 2^30, stride=1_000)", "1, 8"), code=0
    ),
    "lists of 2^40 turns": Attack(
        "a list of more than 10_000 items",
        lambda: (
            "block pair { relu as a; linear(3) as b; return a, b }\n"
            + body("image as xs[]\nrepeat 2^40 { xs[-1] -> pair as a, b; a as xs[]; b as bs[] }")
        ),
    ),
    "100,000 paddings of 2^39": Attack("a size is at most", lambda: body("repeat 100000 { pad(2^39) }")),
    "70 variants of variants": Attack(
        "give the arguments of several variants at once",
        lambda: (
            "network V0(n = 1) { input x: [n]; relu }\n" + "".join(f"network V{i + 1} = V{i}()\n" for i in range(70))
        ),
    ),
}


def table() -> str:
    """Every attack with what it takes, as a table in Markdown."""
    lines = ["| text | answer | exit code | seconds | MB |", "| --- | --- | ---: | ---: | ---: |"]
    for name, attack in ATTACKS.items():
        found = attack.run()
        first = found.errors.partition("\n")[0]
        answer = first[:60] + "..." if len(first) > 60 else first
        lines.append(f"| {name} | {answer} | {found.code} | {found.seconds:.2f} | {found.megabytes:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
