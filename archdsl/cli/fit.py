"""`archdsl fit`."""

from __future__ import annotations

import argparse
import json

from archdsl.analyses.memory import settings_on_gpu
from archdsl.analyses.roofline import GPU_MEMORY
from archdsl.cli.tables import add_tables, write_tables, write_text
from archdsl.cli.targets import add_settings, add_target, checked_target, size
from archdsl.cli.training import add_training, settings_given
from archdsl.reports import FORMATS, fit_data, fit_table, otherwise_table

EPILOG = """\
examples:
  archdsl fit ResNet50 --memory 24GiB --optimizer adamw --implementation foreach
  archdsl fit vgg16 --on a100 --optimizer adamw --precision bf16-mixed --format json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_target(parser)
    add_settings(parser)
    device = parser.add_mutually_exclusive_group(required=True)
    device.add_argument("--memory", metavar="SIZE", help="of the device, as 24GiB")
    device.add_argument(
        "--on", type=str.lower, choices=tuple(GPU_MEMORY), help="a device with its memory, as its maker states it"
    )
    parser.add_argument("--expandable-segments", action="store_true", help="the allocator's segments grow")
    add_training(parser, is_optional=False)
    add_tables(parser, "json", *FORMATS)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_on_gpu(settings_given(arguments))
    checked = checked_target(arguments)
    memory = GPU_MEMORY[arguments.on] if arguments.on else size("--memory", arguments.memory, "24GiB")
    found = checked.facts.fit(settings, memory, expandable=arguments.expandable_segments, on=arguments.on)
    others = checked.facts.fit_otherwise(found, settings, expandable=arguments.expandable_segments, on=arguments.on)
    if arguments.format == "json":
        data = fit_data(checked.name, found, settings, others, checked.facts.refused_alone)
        write_text(arguments, json.dumps(data, indent=2) + "\n")
    else:
        tables = (
            fit_table(checked.name, found, settings, checked.facts.refused_alone),
            *otherwise_table(settings, others, sum(checked.facts.step_macs(settings))),
        )
        write_tables(arguments, tables)
    return int(found.likely is None)
