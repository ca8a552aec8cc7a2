"""Reading specs and writing results: every failure is a diagnostic, and a file is replaced whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from archdsl.source.diagnostic import Diagnostic, Kind, Label
from archdsl.source.text import Source, Span

SIZE_LIMIT = 4 * 1024 * 1024

UNREADABLE_FILE = Kind(
    "unreadable-file",
    "error",
    "The file is missing, a folder, or not to be read by this user. Nothing of it was checked.",
)
NOT_TEXT = Kind(
    "not-text",
    "error",
    "A spec is UTF-8 text. The file holds bytes that are not: it may be a binary file, or saved in another encoding.",
)
EMPTY_FILE = Kind("empty-file", "error", "The file holds no declaration: no network, block, default, let or import.")
UNWRITABLE_OUTPUT = Kind(
    "unwritable-output",
    "error",
    "The result could not be written. What stood at that path before, if anything, is unchanged.",
)


class FileProblem(Exception):
    """A file that could not be read or written; carries its diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def read_spec(path: str | Path) -> Source:
    """The text of a spec. Raises `FileProblem` where it is missing, unreadable, too large or not UTF-8."""
    return decode_spec(str(path), read_bytes(path))


def read_bytes(path: str | Path) -> bytes:
    """A file, up to one byte more than a spec may have. Raises `FileProblem`."""
    try:
        with Path(path).open("rb") as file:
            return file.read(SIZE_LIMIT + 1)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise FileProblem(Diagnostic(UNREADABLE_FILE, f"cannot read `{path}`: {reason}", file=str(path))) from None
    except ValueError:
        raise FileProblem(Diagnostic(UNREADABLE_FILE, "cannot read the file: its name holds a NUL byte")) from None


def decode_spec(shown: str, data: bytes) -> Source:
    """The text of a spec from its bytes. Raises `FileProblem` where they are too many or not UTF-8."""
    if len(data) > SIZE_LIMIT:
        message = f"cannot read `{shown}`: larger than {SIZE_LIMIT >> 20} MiB"
        raise FileProblem(Diagnostic(UNREADABLE_FILE, message, file=shown))
    if b"\0" in data:
        message = f"`{shown}` is not text: byte {data.index(0)} is NUL"
        raise FileProblem(Diagnostic(NOT_TEXT, message, helps=("a spec is UTF-8 text",), file=shown))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = Source(shown, data[: error.start].decode("utf-8"))
        line, column = before.position(len(before.text))
        raise FileProblem(
            Diagnostic(
                NOT_TEXT,
                f"`{shown}` is not UTF-8: byte 0x{data[error.start]:02x} at line {line}, column {column}",
                helps=("save the file as UTF-8",),
                file=shown,
            )
        ) from None
    return Source(shown, text.replace("\r\n", "\n").replace("\r", "\n"))


def empty_file(source: Source) -> Diagnostic:
    """The problem of a spec that declares nothing."""
    return Diagnostic(
        EMPTY_FILE,
        f"`{source.path}` declares nothing",
        Label(Span(source, 0, 0)),
        helps=("begin with `network Name { input image: [3, 224, 224] ... }`",),
    )


def write_whole(path: str | Path, data: str | bytes) -> None:
    """Writes a file through a temporary beside it, so that readers see the old or the new one, never a part.

    Raises `FileProblem`; the temporary never stays behind.
    """
    encoded = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    temporary: Path | None = None
    try:
        target = Path(path)
        if target.is_dir():
            raise IsADirectoryError(21, "is a directory")
        if target.exists() and not target.is_file():  # /dev/stdout, a pipe: nothing to replace
            target.write_bytes(encoded)
            return
        if target.is_symlink():
            target = target.resolve()
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(13, "permission denied")
        temporary = target.with_name(f".archdsl.{os.getpid()}.tmp")
        temporary.write_bytes(encoded)
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
    except (OSError, ValueError, RuntimeError) as error:  # pathlib says RuntimeError of links in a circle
        reason = (getattr(error, "strerror", None) or "not a usable name").lower()
        raise FileProblem(
            Diagnostic(UNWRITABLE_OUTPUT, f"cannot write `{path}`: {reason}", notes=("nothing was written",))
        ) from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
