"""Layer 7: FILE and FILE:NETWORK -> the spec and the network that are meant; the specs that come with archdsl."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from archdsl.pipeline import Spec, open_spec
from archdsl.source import FileProblem, nearest, same

STDIN = "<stdin>"
"""What standard input is called, which a command line names `-`."""
SHOWN = 8
"""Of the names that could have been meant so many are shown."""


class UnknownTarget(Exception):
    """No spec or network is called so."""


class Target(NamedTuple):
    """A spec, and the network asked for where one was named."""

    spec: Spec
    network: str | None

    @property
    def networks(self) -> tuple[str, ...]:
        """The network that was named, none where its text is broken; else all that can be built."""
        if self.network is None:
            return self.spec.networks
        return (self.network,) if self.network in self.spec.program.networks else ()


def bundled_folder() -> Path:
    """Where the specs that come with archdsl lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "specs"
    return inside if inside.is_dir() else package.parent / "specs"


def open_target(text: str, root: str | None = None) -> Target:
    """The spec of FILE or FILE:NETWORK. Raises `FileProblem` or `UnknownTarget`."""
    path, network, head = Path(text), None, text
    if not is_there(path) and ":" in text:
        head, _, network = text.rpartition(":")
        path = Path(head)
    if not head:
        raise UnknownTarget(f"`{text}` names no file: write FILE or FILE:NETWORK")
    if not is_there(path) and not path.suffix and path.name == str(path):
        return _bundled(str(path), network, root)
    if is_there(path) and path.is_dir():
        raise UnknownTarget(f"`{path}` is a folder: name one of its specs")
    if is_there(path) and path.is_fifo() and not path.is_relative_to("/dev"):
        raise UnknownTarget(f"`{path}` is no file: a pipe, which is read as `-`")
    return target_of(_opened(path, root), network)


def _opened(path: Path, root: str | None) -> Spec:
    """The spec of a file. Raises `FileProblem`, with the file that was likely meant where there is none."""
    try:
        return open_spec(path, root)
    except FileProblem as problem:
        close = None
        if not is_there(path) and is_there(path.parent):
            close = nearest(path.name, (p.name for p in path.parent.glob("*.arch") if p.name != path.name))
        helps = (f"did you mean `{path.parent / close}`?",) if close else ()
        if _leads_nowhere(path):
            helps = (f"it is a link to `{path.readlink()}`, and that is not there",)
        raise FileProblem(problem.diagnostic._replace(helps=helps or problem.diagnostic.helps)) from None


def _leads_nowhere(path: Path) -> bool:
    """Whether a path is a link to what is not there."""
    try:
        return path.is_symlink() and not path.exists()
    except OSError:  # links in a circle
        return False


def is_there(path: Path) -> bool:
    """Whether there is a file or folder of that name."""
    try:
        return path.exists()
    except OSError:  # a name that is too long, say: reading it will tell
        return False


def target_of(spec: Spec, network: str | None) -> Target:
    """The network of a spec, in upper or lower case. Raises `UnknownTarget` where there is none of that name."""
    known = spec.program.networks
    if network is None or network in spec.program.file.broken:
        return Target(spec, network)
    found = same(network, known)
    if found is not None:
        return Target(spec, found)
    close = nearest(network, known)
    hint = f"; did you mean `{close}`?" if close else f"; it has {_first(known)}" if known else ""
    raise UnknownTarget(f"`{spec.path}` has no network `{network}`{hint}")


def _bundled(name: str, network: str | None, root: str | None) -> Target:
    """A bundled spec by the name of its file, or of one of its networks, in upper or lower case."""
    files = {file.stem: file for file in sorted(bundled_folder().glob("*.arch"))}
    if name in files:
        return target_of(open_spec(_shown(files[name]), root), network)
    makers = _makers((file for file in files.values() if name.casefold() in file.read_text("utf-8").casefold()), root)
    found = same(name, makers)
    if found is not None and network is None:
        return Target(makers[found], found)
    if (stem := same(name, files)) is not None:
        return target_of(open_spec(_shown(files[stem]), root), network)
    close = nearest(name, {*files, *_makers(files.values(), root)})
    hint = f"did you mean `{close}`?" if close else f"bundled are {_first(files)}"
    raise UnknownTarget(f"there is no file `{name}`, and no bundled spec or network of that name: {hint}")


def _first(names: Collection[str]) -> str:
    """The first of the names that there are."""
    return ", ".join([*names][:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _makers(files: Iterable[Path], root: str | None) -> dict[str, Spec]:
    """The networks of files, each with its spec."""
    specs = [open_spec(_shown(file), root) for file in files]
    return {known: spec for spec in specs for known in spec.program.networks}


def _shown(file: Path) -> Path:
    """A bundled file as a person would name it: relative where it lies below the current folder."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was deleted
        return file
    return file.relative_to(here) if file.is_relative_to(here) else file


def single_network(target: Target) -> str:
    """The one network that a command works on: that named, the only one, or the namesake of the file.

    Raises `UnknownTarget` where there are others alone.
    """
    if target.network is not None:
        return target.network
    networks = target.spec.networks
    if len(networks) == 1:
        return networks[0]
    if (namesake := same(Path(target.spec.path).stem, networks)) is not None:
        return namesake
    if not networks:
        templates = target.spec.templates
        why = f"only the template{'s' if len(templates) > 1 else ''} {', '.join(templates)}" if templates else "none"
        raise UnknownTarget(f"`{target.spec.path}` has no network that can be built, {why}")
    path = target.spec.path
    named = f"{'-' if path == STDIN else path}:{networks[0]}"
    raise UnknownTarget(f"`{path}` has {len(networks)} networks: name one, as {named} ({_first(networks)})")
