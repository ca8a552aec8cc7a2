"""DOT -> PNG or PDF: Graphviz in a process of its own, with a time limit and a font of known widths."""

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

from archdsl.backends.drawing.refusal import RenderError

Raster = Literal["png", "pdf"]

SECONDS = 60.0
DPI = 192

_DATE = re.compile(rb"(?<=/CreationDate \(D:)\d{14}")

INSTALL = "install Graphviz, so that `dot` is on the PATH, or `pip install archdsl[draw]`, which brings its own"


class Renderer(NamedTuple):
    """A program that reads DOT and writes a picture."""

    name: str
    command: tuple[str, ...]


def render(dot: str, format: Raster, *, seconds: float = SECONDS) -> bytes:
    """A picture of DOT text. Equal input gives equal bytes.

    Drawn by the `dot` on the PATH, else by the Graphviz inside pygraphviz. Raises `RenderError` where neither is there,
    or where those that are crash, fail, or take longer than `seconds`.
    """
    reasons = []
    for renderer in _renderers(format):
        try:
            drawn = _run(renderer, dot, seconds)
        except RenderError as error:
            reasons.append(error.reason)
        else:
            return _DATE.sub(b"20000101000000", drawn) if format == "pdf" else drawn
    if not reasons:
        raise RenderError(f"nothing is installed that draws {format.upper()}", INSTALL)
    raise RenderError("; ".join(reasons), "write SVG instead (`--format svg`), or an overview (`--style overview`)")


def _renderers(format: Raster) -> Iterator[Renderer]:
    if dot := shutil.which("dot"):
        resolution = (f"-Gdpi={DPI}",) if format == "png" else ()
        yield Renderer("dot", (dot, f"-T{format}", *resolution))
    if sys.executable and find_spec("pygraphviz") is not None:
        child = str(Path(__file__).with_name("child.py"))
        yield Renderer("pygraphviz", (sys.executable, "-P", child, format, str(DPI)))


def _run(renderer: Renderer, dot: str, seconds: float) -> bytes:
    """The picture that one renderer draws. Raises `RenderError`."""
    with tempfile.TemporaryDirectory(prefix="archdsl-") as folder:
        settings = _fonts(Path(folder))
        environment = {**os.environ, "FONTCONFIG_FILE": str(settings), "TZ": "UTC"}
        return _output(renderer, dot, seconds, environment)


def _output(renderer: Renderer, dot: str, seconds: float, environment: dict[str, str]) -> bytes:
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            renderer.command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )
    except OSError as error:
        raise RenderError(f"{renderer.name} could not be started: {error.strerror}", INSTALL) from None
    with process:
        try:
            picture, said = process.communicate(dot.encode("utf-8"), timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise RenderError(f"{renderer.name} took longer than {seconds:g} s", INSTALL) from None
    if process.returncode or not picture:
        raise RenderError(f"{renderer.name} {_failure(process.returncode, said)}", INSTALL)
    return picture


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a program and what it has started: `dot` may be a script around the real one."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _failure(status: int, said: bytes) -> str:
    if status < 0:
        try:
            return f"crashed ({signal.Signals(-status).name})"
        except ValueError:
            return f"crashed (signal {-status})"
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return f"failed: {lines[-1][:200]}" if lines else "drew nothing"


FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.fonts",
    "~/.local/share/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)


def _fonts(folder: Path) -> Path:
    """Settings for fontconfig under which Arial is the machine's font that comes nearest to it.

    Liberation Sans, Arimo, Nimbus Sans and Helvetica have Arial's widths. Where none of them is installed DejaVu's
    condensed face, drawn a little narrower, takes about as much room.
    """
    listed = "".join(f"<dir>{escape(str(Path(place).expanduser()))}</dir>" for place in FONT_FOLDERS)
    settings = folder / "fonts.conf"
    settings.write_text(_SETTINGS.format(folders=listed, cache=escape(str(folder))), encoding="utf-8")
    return settings


_SETTINGS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>{folders}<cachedir>{cache}</cachedir>
<alias binding="same"><family>Arial</family><prefer><family>Arial</family><family>Liberation Sans</family>
<family>Arimo</family><family>Nimbus Sans</family><family>Helvetica</family>
<family>DejaVu Sans Condensed</family></prefer></alias>
<match target="font"><test name="family"><string>DejaVu Sans Condensed</string></test>
<edit name="matrix" mode="assign"><times><name>matrix</name><matrix><double>0.88</double><double>0</double>
<double>0</double><double>1</double></matrix></times></edit></match>
<match target="font"><edit name="hinting" mode="assign"><bool>false</bool></edit>
<edit name="autohint" mode="assign"><bool>false</bool></edit>
<edit name="hintstyle" mode="assign"><const>hintnone</const></edit></match>
</fontconfig>
"""
