"""The parser of command lines: what is wrong with one in a sentence, and what was likely meant."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

_CHOICE = re.compile(r"argument (?P<of>.+?): invalid choice: '?(?P<given>.*?)'? \(choose from (?P<choices>.*)\)")
_VALUE = re.compile(r"argument (?P<of>.+?): (?:invalid .*? value: |)(?P<rest>.*)")


class Parser(argparse.ArgumentParser):
    """Options and arguments of a command."""

    elsewhere: Mapping[str, str] = {}
    """What is written here in place of a word that others use as a choice or an option."""
    first = ""
    """How a command line begins whose first choice was left out."""

    def print_help(self, file: Any = None) -> None:
        """Where it cannot be written it fails, as all output does."""
        (file or sys.stdout).write(self.format_help())

    def _parse_optional(self, arg_string: str) -> Any:
        """`-:NETWORK` is no option but a network of standard input, and `-1GiB` an amount."""
        return None if re.match(r"-[:\d]", arg_string) else super()._parse_optional(arg_string)

    def error(self, message: str) -> NoReturn:
        """Ends with exit code 2."""
        self.exit(2, f"{self.prog}: {self._reworded(message)}\n`{self.prog} --help` tells more\n")

    def unknown(self, rest: list[str]) -> NoReturn:
        """Ends with exit code 2: nothing takes these words."""
        word = rest[0].partition("=")[0]
        if not word.startswith("-"):
            self.error(f"`{word}` is one argument too many")
        options = [option for option in self._option_string_actions if option.startswith("--")]
        instead = self.elsewhere.get(word)
        meant = f"; did you mean `{instead}`?" if instead else _meant(word, options)
        self.error(f"`{word}` is no option{meant}")

    def _reworded(self, message: str) -> str:
        if (found := _CHOICE.fullmatch(message)) is not None:
            return self._no_choice(found["of"], found["given"], re.findall(r"[^\s',]+", found["choices"]))
        if message.startswith("the following arguments are required: "):
            missing = message.partition(": ")[2]
            return f"{missing} {'are' if ',' in missing else 'is'} missing"
        if (found := _VALUE.fullmatch(message)) is not None:
            return f"`{found['of'].split('/')[-1]}`: {found['rest']}"
        return message

    def _no_choice(self, of: str, given: str, choices: list[str]) -> str:
        if not of.isupper():
            return f"`{of.split('/')[-1]} {given}`: choose {', '.join(choices)}"
        instead, meant = self.elsewhere.get(given), _meant(given, choices)
        if instead is not None:
            meant = f"; did you mean `{self.prog} {instead}`?"
        elif self.first and not meant.startswith("; did"):
            meant += f", as in `{self.prog} {self.first} {given}`"
        return f"there is no {of.lower()} `{given}`{meant}"


def _meant(word: str, known: list[str]) -> str:
    from archdsl.source import nearest

    begun = [name for name in known if name.startswith(word)]
    close = begun[0] if len(begun) == 1 else nearest(word, known)
    return f"; did you mean `{close}`?" if close else f"; there are {', '.join(known)}" if len(known) < 15 else ""
