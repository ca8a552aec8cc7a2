"""DOT -> SVG, PNG or PDF: Graphviz in a process of its own, with a time limit and a font of known widths."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from archdsl.backends.graphviz.metrics import is_measured
from archdsl.backends.graphviz.palette import Theme

Format = Literal["svg", "png", "pdf"]

SECONDS = 60.0
DPI = 192

_LINKS = re.compile(r' href="#[^"]*"')
"""The links of cells to themselves, which only SVG needs. No text of a spec holds a bare quote."""

_DATE = re.compile(rb"(?<=/CreationDate \(D:)\d{14}")

INSTALL = "install Graphviz, so that `dot` is on the PATH, or `pip install archdsl[draw]`, which brings its own"


class RenderError(Exception):
    """Nothing could draw the picture: `reason` says why, `help` what to do. The DOT text itself needs no renderer."""

    def __init__(self, reason: str, help: str) -> None:
        super().__init__(f"{reason}; {help}")
        self.reason = reason
        self.help = help


class Renderer(NamedTuple):
    """A program that reads DOT and writes a picture."""

    name: str
    command: tuple[str, ...]


def render(dot: str, format: Format, theme: Theme = "auto", *, seconds: float = SECONDS) -> bytes:
    """A picture of DOT text that `to_dot` wrote for the same theme. Equal input gives equal bytes.

    Drawn by the `dot` on the PATH, else by the Graphviz inside pygraphviz. Raises `RenderError` where neither is there,
    or where those that are crash, fail, or take longer than `seconds`.
    """
    if format != "svg":
        dot = _LINKS.sub("", dot).replace('bgcolor="transparent"', 'bgcolor="#FFFFFF"', 1)
    reasons = []
    for renderer in _renderers(format):
        try:
            picture = _run(renderer, dot, format, seconds)
        except RenderError as error:
            reasons.append(error.reason)
            continue
        if format == "svg":
            from archdsl.backends.graphviz.svg import finished

            return finished(picture, theme)
        return _DATE.sub(b"20000101000000", picture) if format == "pdf" else picture
    if not reasons:
        raise RenderError(f"nothing is installed that draws {format.upper()}", INSTALL)
    raise RenderError("; ".join(reasons), "write DOT instead (`--format dot`), or an overview (`--style overview`)")


def _renderers(format: Format) -> Iterator[Renderer]:
    if dot := shutil.which("dot"):
        resolution = (f"-Gdpi={DPI}",) if format == "png" else ()
        yield Renderer("dot", (dot, f"-T{format}", *resolution))
    if sys.executable and find_spec("pygraphviz") is not None:
        child = str(Path(__file__).with_name("child.py"))
        yield Renderer("pygraphviz", (sys.executable, "-P", child, format, str(DPI)))


def _run(renderer: Renderer, dot: str, format: Format, seconds: float) -> bytes:
    """The output of one renderer. Raises `RenderError`."""
    with tempfile.TemporaryDirectory(prefix="archdsl-") as folder:
        settings = _fonts(Path(folder), knows_all=is_measured(dot.replace("\n", "")))
        environment = {**os.environ, "FONTCONFIG_FILE": str(settings), "TZ": "UTC"}
        try:
            done = subprocess.run(
                renderer.command, input=dot.encode("utf-8"), capture_output=True, timeout=seconds, env=environment
            )
        except subprocess.TimeoutExpired:
            raise RenderError(f"{renderer.name} took longer than {seconds:g} s", INSTALL) from None
        except OSError as error:
            raise RenderError(f"{renderer.name} could not be started: {error.strerror}", INSTALL) from None
    if done.returncode or not done.stdout:
        raise RenderError(f"{renderer.name} {_failure(done)}", INSTALL)
    return done.stdout


def _failure(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        try:
            return f"crashed ({signal.Signals(-done.returncode).name})"
        except ValueError:
            return f"crashed (signal {-done.returncode})"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"failed: {said[-1][:200]}" if said else "drew nothing"


def _fonts(folder: Path, *, knows_all: bool) -> Path:
    """Settings for fontconfig under which Arial is the Arimo that archdsl carries, whatever fonts the machine has.

    Its other fonts are looked at only for signs that no table of widths knows. The fonts are copied, since fontconfig
    leaves files of its own beside those that it reads.
    """
    for font in Path(__file__).with_name("fonts").glob("*.ttf"):
        shutil.copy(font, folder)
    others = () if knows_all else ("/usr/share/fonts", "/usr/local/share/fonts", str(Path("~/.fonts").expanduser()))
    listed = "".join(f"<dir>{escape(path)}</dir>" for path in (str(folder), *others))
    settings = folder / "fonts.conf"
    settings.write_text(_SETTINGS.format(folders=listed, cache=escape(str(folder))), encoding="utf-8")
    return settings


_SETTINGS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>{folders}<cachedir>{cache}</cachedir>
<match target="pattern"><test name="family"><string>Arial</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Arimo</string></edit></match>
<match target="font"><edit name="hinting" mode="assign"><bool>false</bool></edit>
<edit name="autohint" mode="assign"><bool>false</bool></edit>
<edit name="hintstyle" mode="assign"><const>hintnone</const></edit></match>
</fontconfig>
"""
