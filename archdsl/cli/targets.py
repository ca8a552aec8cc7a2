"""FILE and FILE:NETWORK on a command line -> specs and networks; settings; problems on stderr."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from fractions import Fraction
from math import floor
from pathlib import Path

from archdsl.analyses.options import LEAST_SIZE, OptionProblem
from archdsl.cli.terminal import Color, write_lines
from archdsl.elaborate import Datum, Fault, Settings, check_size, evaluate
from archdsl.ir import LARGEST_SIZE
from archdsl.pipeline import Checked, Spec, open_source
from archdsl.source import (
    SIZE_LIMIT,
    UNREADABLE_FILE,
    Diagnostic,
    FileProblem,
    Source,
    Span,
    counted,
    decode_spec,
    nearest,
)
from archdsl.source.render import render
from archdsl.syntax import parse_expression, tree
from archdsl.targets import STDIN, Target, is_there, open_target, single_network, target_of

KINDS = "the value is a number, true, false, a window, a list or a string"


class UsageProblem(Exception):
    """A command line that asks for what is not there; exit code 2."""


class BrokenSpec(Exception):
    """A spec that is wrong, where a command needs one that is right; exit code 1."""

    def __init__(self, problems: list[Diagnostic]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def add_target(parser: argparse.ArgumentParser, *, many: bool = False, optional: bool = False) -> None:
    """The positional FILE, and the options that every command shares."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="+" if many else "?" if optional else None,
        help="a spec, FILE:NETWORK for one network of it, or the name of a bundled spec or network; - is standard input"
        + ("; folders are searched for *.arch" if many else ""),
    )
    parser.add_argument("--root", metavar="FOLDER", help="the folder that imports may read (default: the spec's own)")
    add_color(parser)


def add_output(parser: argparse.ArgumentParser, help: str) -> None:
    """`--output`, None for standard output, which `-` means too."""
    parser.add_argument("-o", "--output", metavar="FILE", type=_output, help=help)


def _output(name: str) -> str | None:
    return None if name == "-" else named(name)


def named(text: str) -> str:
    """A name on a command line, which is not empty: `-o "$file"` without a value is a mistake."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def refuse_overwriting(arguments: argparse.Namespace) -> None:
    """Raises `UsageProblem` where the output would replace a spec, or another file that is read."""
    output = getattr(arguments, "output", None)
    if output is None or not is_there(Path(output)):
        return
    given = (getattr(arguments, name, None) for name in ("file", "weights"))
    read = [text for texts in given for text in ([texts] if isinstance(texts, str) else texts or ())]
    inputs = [Path(name) for text in read for name in (text, text.rpartition(":")[0]) if name]
    if Path(output).suffix == ".arch" or any(is_there(path) and path.samefile(output) for path in inputs):
        kind = "a spec" if Path(output).suffix == ".arch" else "what is read"
        raise UsageProblem(f"`--output {output}` would replace {kind}: give another name")


def add_color(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colours (default: auto)")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """`--set` and `--input`."""
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="give a parameter or a symbol of the network a value: --set classes=10",
    )
    parser.add_argument(
        "--input",
        metavar="SHAPE",
        action="append",
        default=[],
        dest="inputs",
        help="the shape of the input, 3x256x256; of several, NAME=3x256x256",
    )


def add_weights(parser: argparse.ArgumentParser) -> None:
    """`--weights` and `--skip`."""
    parser.add_argument(
        "--weights", metavar="WEIGHTS", help="a file that all weights are read from: .safetensors, .pth"
    )
    parser.add_argument(
        "--skip",
        metavar="PATH",
        action="append",
        default=[],
        help="with --weights: what is not read, fc of a network with a new head; may be repeated",
    )


def add_batch(parser: argparse.ArgumentParser, default: int = 1) -> None:
    parser.add_argument(
        "--batch", metavar="N", type=positive, default=default, help=f"samples in a batch (default: {default})"
    )


def positive(text: str) -> int:
    """A whole number of at least 1 on a command line."""
    return _whole(text, 1)


def natural(text: str) -> int:
    """A whole number of at least 0 on a command line."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    digits = text.replace("_", "")
    if not (digits.isascii() and digits.isdigit() and int(digits[:20]) >= least):
        raise argparse.ArgumentTypeError(f"`{text}` is no whole number of at least {least}")
    if len(digits) > 20 or int(digits) > LARGEST_SIZE:
        raise argparse.ArgumentTypeError(f"`{text}` is too large: at most {LARGEST_SIZE:_}")
    return int(digits)


def check_target(arguments: argparse.Namespace, spec: Spec, name: str) -> Checked:
    """A network with the settings of a command line. Raises `UsageProblem` for a setting that it does not have."""
    settings = _settings(arguments)
    known = spec.program.settable(name)
    for parameter in settings.parameters:
        if parameter not in known:
            close = nearest(parameter, known)
            hint = f"did you mean `{close}`?" if close else f"it has {', '.join(known) or 'none'}"
            raise UsageProblem(f"`--set {parameter}=...`: `{name}` has no parameter `{parameter}`: {hint}")
    _require_inputs(name, settings, spec.program.inputs(name))
    return spec.check(name, settings, getattr(arguments, "batch", 1))


def _require_inputs(network: str, settings: Settings, known: tuple[str, ...]) -> None:
    """Raises `UsageProblem` for the shape of an input that the network does not have, or of one among several."""
    for given in filter(None, settings.inputs):
        if known and given not in known:
            close = nearest(given, known)
            hint = f"did you mean `{close}`?" if close else f"it has {', '.join(known)}"
            raise UsageProblem(f"`--input {given}=...`: `{network}` has no input `{given}`: {hint}")
    if "" in settings.inputs and len(known) > 1:
        raise UsageProblem(f"`{network}` has {len(known)} inputs: say which, as `--input {known[0]}=3x224x224`")


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings(
        dict(_setting(text) for text in arguments.settings), dict(_input(text) for text in arguments.inputs)
    )


def _setting(text: str) -> tuple[str, Datum]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise UsageProblem(f"`--set {text}`: write NAME=VALUE, as `--set classes=10`")
    return name, constant("--set", value, f"{name}=")


def constant(option: str, text: str, before: str = "", *, amount: str = "") -> Datum:
    """The value of an option, as specs write data. Raises `UsageProblem`.

    Args:
        before: what stands before it in the option.
        amount: how it may look, where it is an amount, which may have a unit.
    """
    given = f"`{option} {before}{text}`"
    taken = f"write an amount, as {amount}" if amount else KINDS
    if not text.strip():
        raise UsageProblem(f"{given}: there is no value; {taken}")
    expression, problems = parse_expression(Source(option, text), 0, len(text))
    if expression is None:
        said = problems[0].message, *(problems[0].helps or (taken,))
        if amount and re.search(r"\dx$", text, re.IGNORECASE):
            said = "there is no such unit", taken
        raise UsageProblem(f"{given}: {'; '.join(said)}")
    try:
        value: Datum = evaluate(expression, _Constants(), units=bool(amount))
    except Fault as fault:
        raise UsageProblem(f"{given}: {fault.diagnostic.message}") from None
    except LookupError:
        raise UsageProblem(f"{given}: {taken}") from None
    return value


def count(option: str, text: str, example: str) -> int:
    """The value of an option as a whole number of at least 0, with a unit as in `5M`. Raises `UsageProblem`."""
    found = _amount(option, text, f"{example} or 5_000")
    if not isinstance(found, int):
        raise UsageProblem(f"`{option} {text}` is no whole number: write a count, as {example}")
    if text.endswith("B"):
        raise UsageProblem(f"`{option} {text}` is a number of bytes: write a count, as {example}")
    return found


def size(option: str, text: str, example: str) -> int:
    """The value of an option as whole bytes, rounded down, with a unit as in `24GiB`. Raises `UsageProblem`."""
    found = floor(_amount(option, text, example))
    if found < LEAST_SIZE:
        raise UsageProblem(f"`{option} {text}` is {counted(found, 'byte')}: write a unit, as {example}")
    return found


def _amount(option: str, text: str, example: str) -> int | Fraction:
    found = constant(option, text, amount=example)
    if isinstance(found, bool) or not isinstance(found, int | Fraction) or found < 0:
        raise UsageProblem(f"`{option} {text}`: write an amount, as {example}")
    return found


class _Constants:
    """The names that a setting may use: none."""

    def name(self, text: str, span: Span) -> Datum:
        raise LookupError(text)

    callee = name

    def block_input(self, span: Span) -> Datum:
        raise LookupError("in")

    def call(self, callee: object, call: tree.Call) -> Datum:
        raise LookupError(call.callee.text)

    def spend(self, work: int, span: Span) -> None:
        """A command line is short."""


def _input(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, shape = text.rpartition("=")
    sizes = shape.strip("[]").replace(",", "x").split("x")
    try:
        numbers = tuple(int(size) for size in sizes)
    except ValueError:
        numbers = ()
    taken = "write the sizes without the batch, as `--input 3x224x224`"
    if not numbers or (equals and not name.isidentifier()):
        raise UsageProblem(f"`--input {text}`: {taken}")
    try:
        return name, tuple(check_size(number, Span(Source("--input", text), 0, len(text))) for number in numbers)
    except Fault as fault:
        raise UsageProblem(f"`--input {text}`: {fault.diagnostic.message}; {taken}") from None


def expand(texts: Iterable[str], root: str | None = None) -> dict[str, str | None]:
    """Files and folders as specs, each with the folder that imports may read: unless there is a root for all, the folder that
    it was found in. Raises `UsageProblem` for a folder without any."""
    found: dict[str, str | None] = {}
    for text in texts:
        path = Path(text)
        if not text or not (is_there(path) and path.is_dir()):
            found.setdefault(text, root)
            continue
        specs = sorted(str(p) for p in path.rglob("*.arch") if p.is_file() or not p.exists())
        if not specs:
            raise UsageProblem(f"there is no *.arch file in `{text}`")
        found.update((spec, found.get(spec) or root or text) for spec in specs)
    return found


def opened_target(text: str, root: str | None) -> Target:
    """The spec of FILE or FILE:NETWORK, where `-` is standard input. Raises `FileProblem`, `UnknownTarget`, `UsageProblem`."""
    if root is not None and not Path(root).is_dir():
        raise UsageProblem(f"`--root {root}` is no folder")
    name, colon, network = text.partition(":")
    if name != "-":
        return open_target(text, root)
    return target_of(open_source(decode_spec(STDIN, read_stdin()), Path(root or ".")), network if colon else None)


def read_stdin() -> bytes:
    """Standard input, up to one byte more than a spec may have. Raises `FileProblem`."""
    if sys.stdin is None:
        raise FileProblem(Diagnostic(UNREADABLE_FILE, "cannot read standard input: it is closed"))
    return sys.stdin.buffer.read(SIZE_LIMIT + 1)


def sound_target(text: str, root: str | None) -> Target:
    """The target of a command line, whose spec has no problems. Raises as `opened_target` does, and `BrokenSpec`."""
    target = opened_target(text, root)
    if target.spec.problems:
        raise BrokenSpec(target.spec.problems)
    return target


def checked_networks(arguments: argparse.Namespace, spec: Spec, names: Iterable[str]) -> list[Checked]:
    """Networks of a spec, which all hold together. Raises `BrokenSpec` with the problems of all, and `UsageProblem`."""
    found = [check_target(arguments, spec, name) for name in names]
    if problems := [p for checked in found if checked.network is None for p in checked.problems]:
        raise BrokenSpec(problems)
    return found


def checked_target(arguments: argparse.Namespace, text: str | None = None) -> Checked:
    """The network that a command line names, by FILE unless `text` says otherwise.

    Raises `BrokenSpec`, `UsageProblem`, `UnknownTarget`.
    """
    target = sound_target(arguments.file if text is None else text, arguments.root)
    return checked_networks(arguments, target.spec, [single_network(target)])[0]


def refuse_lone_skip(arguments: argparse.Namespace) -> None:
    """Raises `UsageProblem` where nothing is read that could be skipped."""
    if arguments.skip and arguments.weights is None:
        raise UsageProblem("`--skip` leaves out a part of `--weights`: give both")


def require_torch() -> None:
    """Raises `UsageProblem` where PyTorch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UsageProblem("PyTorch is not installed: `pip install archdsl[torch]`")


def require_device(name: str) -> None:
    """Raises `UsageProblem` where PyTorch can make no tensors there."""
    from archdsl.backends.pytorch.verify import has_device

    if not has_device(name):
        raise UsageProblem(f"PyTorch has no device `{name}` here")


def print_problems(problems: list[Diagnostic], color: Color) -> None:
    sys.stdout.flush()
    write_lines(render(problems), sys.stderr, color)


def report_failure(problem: Exception, color: Color) -> int:
    """Prints why a command could not begin; its exit code."""
    if isinstance(problem, FileProblem):
        print_problems([problem.diagnostic], color)
    else:
        said = problem.spelled(_option) if isinstance(problem, OptionProblem) else problem
        print(f"archdsl: {said}", file=sys.stderr)
    return 2


def _option(name: str) -> str:
    """An option as the command line spells it, on which `--train` stands for a mapping of settings."""
    return "--train" if name == "training" else f"--{name.replace('_', '-')}"
