"""`archdsl check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from archdsl.claims import Limit
from archdsl.cli.parser import Parser
from archdsl.cli.progress import Place
from archdsl.cli.targets import (
    UsageProblem,
    add_batch,
    add_target,
    count,
    expand,
    opened_target,
    print_problems,
    report_failure,
    size,
)
from archdsl.cli.terminal import is_ascii, write_lines
from archdsl.cli.training import add_training, arithmetic_of, training_of
from archdsl.pipeline import Checked, subject_of
from archdsl.source import Diagnostic, Edit, FileProblem, Kind, counted, total
from archdsl.source.styled import Line, Piece, width
from archdsl.targets import Target, UnknownTarget

if TYPE_CHECKING:
    from archdsl.analyses.memory import TrainingSettings

EPILOG = """\
A spec is checked for syntax, names and shapes, its claims (`expect`, `dispute`) are decided, and lints look for likely
mistakes. Warnings do not fail a check unless --strict is given; hints (--info) never do. Nothing of a spec is executed.

examples:
  archdsl check specs/vgg16.arch
  archdsl check specs --strict
  archdsl check specs --fix --diff
  archdsl check specs/vgg.arch:VGG_D --format json
  archdsl check net.arch --max-params 5M --max-macs 600M --max-memory 2GiB --batch 8
  archdsl check net.arch --max-memory 512MiB --precision bfloat16
  archdsl check net.arch --max-memory 16GiB --train --optimizer adamw --batch 32
"""
LIMITS = (
    ("--max-params", "params", count, "5M"),
    ("--max-macs", "macs", count, "600M"),
    ("--max-memory", "memory(peak)", size, "2GiB"),
)
"""Each with how its value is read, and an example."""
FORMATS = ("text", "json", "github", "sarif")


class Budget(NamedTuple):
    """What networks may cost; memory in inference, or in a training step by these settings."""

    limits: tuple[Limit, ...]
    training: TrainingSettings | None


class File:
    """One file of a run: its networks and what is wrong with it."""

    def __init__(self, target: Target, *, info: bool, budget: Budget, batch: int) -> None:
        spec = target.spec
        self.spec = spec
        self.path = spec.path
        named = target.networks
        self.networks = [spec.check(name, batch=batch) for name in named if not spec.program.open_parameters(name)]
        self.unread = spec.program.file.broken_networks if target.network is None else ()
        """The networks whose text could not be read."""
        self.templates = len(spec.templates) if target.network is None else 0
        self.over = [network.over(*budget) for network in self.networks]
        """Of each network the limits that it is over."""
        self.problems = [*spec.findings(self.networks, info=info), *(p for over in self.over for p in over)]

    @property
    def verdicts(self) -> tuple[int, int]:
        """Claims decided, and those that fail."""
        verdicts = [v for network in self.networks for v in network.verdicts]
        return len(verdicts), sum(not v.holds for v in verdicts)

    @property
    def errors(self) -> int:
        """Errors beside claims that fail."""
        claims = [v.problem for n in self.networks for v in n.verdicts]
        return sum(p.severity == "error" and p not in claims for p in self.problems)

    def fails(self, strict: bool) -> bool:
        grave = ("error", "warning") if strict else ("error",)
        return any(p.severity in grave for p in self.problems) or any(n.network is None for n in self.networks)


def add_arguments(parser: Parser) -> None:
    parser.epilog = EPILOG
    parser.elsewhere = {"--max-flops": "--max-macs", "--max-parameters": "--max-params"}
    add_target(parser, many=True)
    parser.add_argument("--strict", action="store_true", help="warnings fail the check too")
    parser.add_argument("--info", action="store_true", help="hints too; formats for programs have them always")
    for option, figure, _, example in LIMITS:
        parser.add_argument(option, metavar="AMOUNT", help=f"fail where `{figure}` is more: {example}")
    add_batch(parser)
    add_training(parser)
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument("--fix", action="store_true", help="apply the fixes that are safe, then check")
    parser.add_argument("--diff", action="store_true", help="with --fix: show what it would change, and change nothing")
    parser.add_argument("--ascii", action="store_true", help="no characters outside of ASCII")


def run(arguments: argparse.Namespace) -> int:
    texts = expand(arguments.file, arguments.root)
    if arguments.diff and not arguments.fix:
        raise UsageProblem("`--diff` shows what `--fix` would change: give both")
    if arguments.fix and any(text.partition(":")[0] == "-" for text in texts):
        raise UsageProblem("`--fix` rewrites files, and `-` is standard input: save it as a file")
    budget = Budget(tuple(_limits(arguments)), training_of(arguments))
    for option in ("train", "precision"):
        if getattr(arguments, option) and arguments.max_memory is None:
            raise UsageProblem(f"`--{option}` says which memory is limited: add `--max-memory`")
    files: list[File] = []
    unread: list[Diagnostic] = []
    code = 0
    with Place("checking", len(texts)) as place:
        for text, root in texts.items():
            place.step(text)
            try:
                target = opened_target(text, root)
                if arguments.fix:
                    place.clear()
                    is_changed = _fix(target, root, arguments)
                    code = max(code, int(is_changed and arguments.diff))
                    target = opened_target(text, root)
                if not arguments.diff:
                    is_told = arguments.info or arguments.format != "text"
                    files.append(File(target, info=is_told, budget=budget, batch=arguments.batch))
            except (FileProblem, UnknownTarget) as problem:
                place.clear()
                unread += [problem.diagnostic] if isinstance(problem, FileProblem) else []
                code = report_failure(problem, arguments.color)
    if not arguments.diff:
        _print(files, unread, arguments, code == 2)
    code = code or int(any(f.fails(arguments.strict) for f in files))
    if budget.limits and not code and not any(f.networks for f in files):
        raise UsageProblem("there is no network to hold against the limits, only templates and blocks")
    return code


def _limits(arguments: argparse.Namespace) -> Iterator[Limit]:
    """Raises `UsageProblem` for what is no amount."""
    for option, figure, read, example in LIMITS:
        text = getattr(arguments, option[2:].replace("-", "_"))
        if text is not None:
            yield Limit(figure, read(option, text, example), text, arithmetic_of(arguments))


def _fix(target: Target, root: str | None, arguments: argparse.Namespace) -> bool:
    """Mends a file, or with `--diff` shows how; whether there is anything to mend. Raises `FileProblem`."""
    from archdsl.fix import mend

    mended = mend(target.spec.path, root, info=arguments.info)
    if arguments.diff:
        sys.stdout.write(mended.diff())
    else:
        mended.write()
        fixed = dict.fromkeys((d.kind, d.edit) for d in mended.done if d.edit is not None)  # two claims may share one
        write_lines([_shown(kind, edit) for kind, edit in fixed], sys.stderr, arguments.color)
    return bool(mended.done)


def _shown(kind: Kind, edit: Edit) -> Line:
    """What was changed in one place."""
    from archdsl.source.edits import words
    from archdsl.source.render import visible

    return [
        Piece("fixed ", "ok"),
        Piece(f"{edit.span.location}  ", "dim"),
        Piece(kind.code, kind.severity),
        Piece(f": {visible(words(edit))}"),
    ]


def _print(files: list[File], unread: list[Diagnostic], arguments: argparse.Namespace, incomplete: bool) -> None:
    if arguments.format == "text":
        _print_text(files, arguments, incomplete)
    elif arguments.format == "json":
        _print_json(files, unread)
    else:
        _print_for_machines([*unread, *(p for f in files for p in f.problems)], arguments.format)


def _print_for_machines(problems: list[Diagnostic], format: str) -> None:
    from archdsl.source.machine import github, sarif

    if format == "github":
        sys.stdout.write(github(problems))
        return
    from importlib.metadata import version

    sys.stdout.write(sarif(problems, version("archdsl")))


def _print_json(files: list[File], unread: list[Diagnostic]) -> None:
    from archdsl.reports import render_json

    subjects = [
        subject_of(network)._replace(diagnostics=[*f.spec.findings([network], info=True), *over])
        for f in files
        for network, over in zip(f.networks, f.over, strict=True)
        if network.network is not None
    ]
    broken = [(problem.file or "", [problem]) for problem in unread]
    broken += [(f.path, f.problems) for f in files if not f.networks or any(n.network is None for n in f.networks)]
    sys.stdout.write(render_json(subjects, broken))


def _print_text(files: list[File], arguments: argparse.Namespace, incomplete: bool) -> None:
    lines: list[Line] = []
    if len(files) == 1:
        for network in files[0].networks:
            lines += _network(network)
        lines += (_broken(files[0].path, name) for name in files[0].unread)
    else:
        lines += _table(files, arguments.strict)
    problems = [p for f in files for p in f.problems]
    ascii = is_ascii(sys.stdout, arguments.ascii)
    write_lines(lines, color=arguments.color, ascii=ascii)
    print_problems([p for p in problems if p.severity != "info"], arguments.color)
    print_problems([p for p in problems if p.severity == "info"], arguments.color)
    if files or not incomplete:
        write_lines([_totals(files, arguments.strict)], color=arguments.color)


def _network(checked: Checked) -> list[Line]:
    """A network's figures and its claims, each with what was computed."""
    if checked.network is None:
        return [_broken(checked.program.source.path, checked.name)]
    path = Piece(f"{checked.program.source.path}  ", "dim")
    facts = checked.facts.cost
    head = f"  {facts.total.params:_} params  {total(facts.total.macs)} MACs  {counted(facts.depth, 'weight layer')}"
    sizes = ", ".join(f"{name} = {value}" for name, value in checked.sizes.items())
    at = Piece(f"  at {sizes}" if sizes else "", "dim")
    lines: list[Line] = [[path, Piece(checked.name, "strong"), Piece(head), at]]
    texts = [("dispute " if v.disputed else "") + v.text for v in checked.verdicts]
    column = min(max(map(width, texts), default=0), 52) + 3
    for verdict, text in zip(checked.verdicts, texts, strict=True):
        status = Piece("  ok  " if verdict.holds else "fails ", "ok" if verdict.holds else "error")
        shown = verdict.shown if not text.endswith(f"== {verdict.shown}") else ""
        pad = " " * (max(column - width(text), 2)) if shown else ""
        lines.append([status, Piece(text), Piece(f"{pad}{shown}", "dim")])
    lines += _open_sizes(checked)
    lines += [[Piece(f"      {source}", "dim")] for source in checked.network.sources]
    return lines


def _broken(path: str, name: str) -> Line:
    return [Piece(f"{path}  ", "dim"), Piece(name, "strong"), Piece("  does not hold together", "error")]


def _open_sizes(checked: Checked) -> list[Line]:
    """What values of open sizes fit; of what the spec does not state itself, which operators need it."""
    if checked.formulas is None or checked.formulas.domain is None:
        return []
    lines: list[Line] = []
    for text, needs in checked.formulas.domain.explained():
        why: dict[str, list[str]] = {}
        for need in needs:
            where = f"`{need.context.operator}`, line {need.context.span.line}"
            why.setdefault(where, []).append(str(need.condition))
        lines.append([Piece("      fits  ", "ok"), Piece(text)])
        lines += [[Piece(f"            {where}: {', '.join(parts)}", "dim")] for where, parts in why.items()]
    return lines


def _table(files: list[File], strict: bool) -> list[Line]:
    """One line a file: its networks, how many parameters, how many claims."""
    rows = [(PurePath(f.path).name, _names(f), _range(f), _claims(f), f) for f in files]
    widths = [max((width(str(r[i])) for r in rows), default=0) for i in range(4)]
    lines: list[Line] = []
    for name, networks, params, claims, file in rows:
        status = _status(file, strict)
        lines.append(
            [
                Piece(name + " " * (widths[0] - width(name) + 2)),
                Piece(networks + " " * (widths[1] - width(networks) + 2), "strong"),
                Piece(" " * (widths[2] - width(params)) + params + "  "),
                Piece(" " * (widths[3] - width(claims)) + claims + "  ", "dim"),
                Piece(status, "error" if file.fails(strict) else "warning" if status != "ok" else "ok"),
            ]
        )
    return lines


def _names(file: File) -> str:
    names = [*(network.name for network in file.networks), *file.unread]
    if not names:
        return counted(file.templates, "template") if file.templates else "no network"
    return names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")


def _range(file: File) -> str:
    params = sorted(n.facts.cost.total.params for n in file.networks if n.network is not None)
    if not params:
        return ""
    if len(params) == 1:
        return f"{params[0]:_} params"
    return f"{total(params[0])} ... {total(params[-1])}"


def _claims(file: File) -> str:
    return counted(file.verdicts[0], "claim")


def _status(file: File, strict: bool) -> str:
    _, failing = file.verdicts
    warnings = sum(p.severity == "warning" for p in file.problems)
    said = [f"{failing} fail{'s' if failing == 1 else ''}"] if failing else []
    said += [counted(file.errors, "error")] if file.errors else []
    said += [counted(warnings, "warning")] if warnings else []
    return ", ".join(said) or ("fails" if file.fails(strict) else "ok")


def _totals(files: list[File], strict: bool) -> Line:
    networks = sum(len(f.networks) + len(f.unread) for f in files)
    claims = sum(f.verdicts[0] for f in files)
    failing = sum(f.verdicts[1] for f in files)
    broken = sum(len(f.unread) + sum(n.network is None for n in f.networks) for f in files)
    counts = [counted(len(files), "file")] if len(files) > 1 else []
    templates = 0 if networks else sum(f.templates for f in files)
    counts += [counted(networks, "network"), *([counted(templates, "template")] if templates else [])]
    counts += [counted(claims, "claim")]
    problems = [p for f in files for p in f.problems]
    errors = sum(f.errors for f in files)
    warnings, hints = (sum(p.severity == severity for p in problems) for severity in ("warning", "info"))
    said = []
    if claims:
        held = claims - failing
        verbs = f"{held} hold{'s' if held == 1 else ''}, {failing} fail{'s' if failing == 1 else ''}"
        said.append(verbs if failing else "all hold")
    if broken:
        said.append(f"{counted(broken, 'network')} do{'es' if broken == 1 else ''} not hold together")
    if errors:
        said.append(counted(errors, "error"))
    if warnings:
        said.append(counted(warnings, "warning"))
    if hints:
        said.append(counted(hints, "hint"))
    grave = any(f.fails(strict) for f in files)
    style = "error" if grave else "warning" if warnings else "ok"
    return [Piece(", ".join(counts)), Piece(": " if said else ""), Piece(", ".join(said), style)]
