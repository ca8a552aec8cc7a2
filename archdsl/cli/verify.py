"""`archdsl verify`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.cli.progress import Place
from archdsl.cli.targets import (
    BrokenSpec,
    add_batch,
    add_settings,
    add_target,
    check_target,
    expand,
    opened_target,
    print_problems,
    require_device,
    require_torch,
)
from archdsl.cli.terminal import is_ascii, write_lines
from archdsl.pipeline import Checked
from archdsl.source import counted
from archdsl.source.styled import Line, Piece

if TYPE_CHECKING:
    from archdsl.backends.pytorch.verify import Verified

EPILOG = """\
The network is compiled and run on random data, and what archdsl says of it is compared with what PyTorch does: the
result of every module, the tensors of the state_dict in their order, FLOPs, the bytes kept for backward and those of
the inference peak. A difference is printed with the smallest spec that shows it. On the meta device, the default,
nothing is computed and no memory is taken; --device cpu measures.

examples:
  archdsl verify vgg16
  archdsl verify specs/resnet.arch:ResNet50 --device cpu --batch 4
  archdsl verify specs/lenet.arch --device cpu --fields
  archdsl verify specs --format json
"""
SHOWN = 5
"""Differences of one check that are printed."""


class Result(NamedTuple):
    """One network with the checks that were made of it."""

    checked: Checked
    checks: list[Verified]

    @property
    def differences(self) -> int:
        return sum(len(check.differences) for check in self.checks)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_target(parser, many=True)
    add_settings(parser)
    add_batch(parser, default=2)
    parser.add_argument(
        "--device", metavar="DEVICE", default="meta", help="where to run: meta, cpu, cuda (default: meta)"
    )
    parser.add_argument(
        "--fields", action="store_true", help="receptive fields too, by the support of real gradients on the CPU: slow"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--ascii", action="store_true", help="no characters outside of ASCII")


def run(arguments: argparse.Namespace) -> int:
    require_torch()
    require_device(arguments.device)
    networks = list(_networks(arguments))
    results = _results(networks, arguments)
    if arguments.format == "json":
        _print_json(results, arguments)
    else:
        _print_text(results, arguments)
    is_broken = any(checked.network is None for checked in networks)
    return int(is_broken or any(result.differences for result in results))


def _networks(arguments: argparse.Namespace) -> Iterator[Checked]:
    """The networks that the command line names; what is wrong with their specs is printed."""
    for text, root in expand(arguments.file, arguments.root).items():
        target = opened_target(text, root)
        if target.spec.problems and not target.networks:
            raise BrokenSpec(target.spec.problems)
        found = [check_target(arguments, target.spec, name) for name in target.networks]
        broken = [p for checked in found if checked.network is None for p in checked.problems]
        print_problems([*target.spec.problems, *broken], arguments.color)
        yield from found


def _results(networks: list[Checked], arguments: argparse.Namespace) -> list[Result]:
    from archdsl.backends.pytorch.verify import verify

    results: list[Result] = []
    with Place("verifying", len(networks)) as place:
        for checked in networks:
            place.step(checked.name)
            if checked.network is not None:
                options = {"device": arguments.device, "batch": arguments.batch, "with_fields": arguments.fields}
                results.append(Result(checked, list(verify(checked.network, **options))))
    return results


def _print_json(results: list[Result], arguments: argparse.Namespace) -> None:
    import json

    data = {
        "schema": "archdsl.verify/1",
        "device": arguments.device,
        "batch": arguments.batch,
        "networks": [
            {
                "network": result.checked.name,
                "file": result.checked.program.source.path,
                "checks": [_as_data(check) for check in result.checks],
            }
            for result in results
        ],
    }
    print(json.dumps(data, indent=1))


def _as_data(check: Verified) -> dict[str, Any]:
    return {
        "name": check.name,
        "compared": check.outcome.compared,
        "gap": check.outcome.gap,
        "differences": [difference._asdict() for difference in check.differences],
        "spec": check.spec,
    }


def _print_text(results: list[Result], arguments: argparse.Namespace) -> None:
    lines: list[Line] = []
    for result in results:
        if len(results) == 1:
            lines.append(_head(result, arguments))
            lines += [line for check in result.checks for line in _check(check)]
        elif result.differences:
            lines.append(_head(result, arguments))
            lines += [line for check in result.checks if check.differences for line in _check(check)]
        else:
            lines.append([Piece("  ok  ", "ok"), *_name(result)])
    if len(results) > 1 and (gaps := {c.outcome.gap: c.name for r in results for c in r.checks if c.outcome.gap}):
        lines += [[Piece(f"  --  {name}: {gap}", "dim")] for gap, name in gaps.items()]
    lines.append(_totals(results))
    write_lines(lines, color=arguments.color, ascii=is_ascii(sys.stdout, arguments.ascii))


def _name(result: Result) -> Line:
    return [Piece(f"{result.checked.program.source.path}  ", "dim"), Piece(result.checked.name, "strong")]


def _head(result: Result, arguments: argparse.Namespace) -> Line:
    return [*_name(result), Piece(f"  on {arguments.device}, {arguments.batch} samples", "dim")]


def _check(check: Verified) -> Iterator[Line]:
    outcome = check.outcome
    if check.differences:
        count = len(check.differences)
        yield [Piece("fails ", "error"), Piece(f"{check.name:20}{counted(count, 'difference')}")]
        for difference in check.differences[:SHOWN]:
            yield [Piece(f"      {difference.path or 'the network'}: ", "strong")]
            yield [Piece("        archdsl  ", "dim"), Piece(difference.said)]
            yield [Piece("        PyTorch  ", "dim"), Piece(difference.found)]
        if count > SHOWN:
            yield [Piece(f"      and {count - SHOWN:_} more (--format json has all)", "dim")]
        yield [Piece("      the smallest spec that shows it:", "help")]
        yield from ([Piece(f"        {line}")] for line in check.spec.splitlines())
    elif outcome.compared:
        yield [Piece("  ok  ", "ok"), Piece(f"{check.name:20}{outcome.compared}")]
    if outcome.gap:
        yield [Piece(f"  --  {check.name:20}{outcome.gap}", "dim")]


def _totals(results: list[Result]) -> Line:
    wrong = sum(bool(r.differences) for r in results)
    said = f"{wrong} with differences" if wrong else "no difference"
    return [Piece(f"{counted(len(results), 'network')}: "), Piece(said, "error" if wrong else "ok")]
