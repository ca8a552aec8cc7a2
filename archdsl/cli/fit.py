"""`archdsl fit`."""

from __future__ import annotations

import argparse
import json

from archdsl.analyses.memory import TrainingSettings
from archdsl.cli.tables import add_tables, write_tables, write_text
from archdsl.cli.targets import add_settings, add_target, checked_target, size
from archdsl.cli.training import add_training, training_of
from archdsl.reports import FORMATS, fit_data, fit_table

EPILOG = """\
examples:
  archdsl fit ResNet50 --memory 24GiB --optimizer adamw --implementation foreach
  archdsl fit vgg16 --memory 80GiB --optimizer adamw --precision bf16-mixed --format json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_target(parser)
    add_settings(parser)
    parser.add_argument("--memory", required=True, metavar="SIZE", help="of the device, as 24GiB")
    parser.add_argument("--expandable-segments", action="store_true", help="the allocator's segments grow")
    add_training(parser, is_optional=False)
    add_tables(parser, "json", *FORMATS)


def run(arguments: argparse.Namespace) -> int:
    settings = training_of(arguments, is_optional=False) or TrainingSettings()
    checked = checked_target(arguments)
    memory = size("--memory", arguments.memory, "24GiB")
    found = checked.facts.fit(settings, memory, expandable=arguments.expandable_segments)
    if arguments.format == "json":
        write_text(arguments, json.dumps(fit_data(checked.name, found, settings), indent=2) + "\n")
    else:
        write_tables(arguments, [fit_table(checked.name, found, settings)])
    return 0
