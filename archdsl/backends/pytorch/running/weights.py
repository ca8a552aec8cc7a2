"""Files of weights: read without running anything that they hold, and loaded strictly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings

from archdsl.analyses.weights import Comparison, Stored, Weights, compare, selected

if TYPE_CHECKING:
    from torch import Tensor, nn

PICKLED = (".pth", ".pt", ".bin", ".ckpt")
WRAPPERS = ("module.", "_orig_mod.")
"""What `DistributedDataParallel` and `torch.compile` put before every name."""
CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "module")
"""Where checkpoints of a training keep the network beside the optimizer."""


class WeightsFileError(ValueError):
    """A file that holds no weights that can be read."""


class WeightsMismatch(ValueError):
    """Weights that are not those of the network."""

    def __init__(self, file: str, comparison: Comparison) -> None:
        first, *others = comparison.obstacles
        more = f" and {len(others)} more" if others else ""
        super().__init__(f"`{file}` has weights of another network: `{first.name}` ({first.kind}){more}")
        self.file = file
        self.comparison = comparison


def read_weights(path: str | Path, network: Iterable[str] = ()) -> dict[str, Tensor]:
    """The tensors of a file, by name; only data is read, and no code that a pickle may hold is run.

    Args:
        path: `.safetensors`, or what `torch.save` wrote: `.pth`, `.pt`, `.bin` or `.ckpt`.
        network: the names that are expected. A prefix that wrappers of PyTorch put before all names is taken off,
            unless the network has it too.

    Raises:
        WeightsFileError: the file is not there, or holds something else.
    """
    path = Path(path)
    _require_file(path)
    found = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    known = set(network)
    for prefix in WRAPPERS * 2:
        if found and all(name.startswith(prefix) for name in found) and known.isdisjoint(found):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found


def stored(tensors: Mapping[str, Tensor]) -> Weights:
    """The tensors without their values."""
    return {name: Stored(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in tensors.items()}


def apart(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, float]:
    """By how much the values of tensors differ at most, of those that are alike in name, shape and type and do differ."""
    import torch

    found = {}
    for name, first in before.items():
        second = after.get(name)
        is_alike = second is not None and first.shape == second.shape and first.dtype == second.dtype
        if second is not None and is_alike and not torch.equal(first, second):
            found[name] = (first.double() - second.double()).abs().max().item()
    return found


def load_weights(module: nn.Module, path: str | Path, *, skip: Iterable[str] = ()) -> int:
    """Puts the weights of a file into a module, strictly; how many tensors they are.

    Floating-point tensors are converted to the types of the module. Counters of batch norms may be missing: old
    checkpoints have none.

    Args:
        path: `.safetensors`, or what `torch.save` wrote: `.pth`, `.pt`, `.bin` or `.ckpt`.
        skip: paths, which may have wildcards, whose weights stay as they are: `["fc"]` of a network with a new head.

    Raises:
        WeightsFileError: the file cannot be read.
        WeightsMismatch: the weights are those of another network. Nothing is loaded then.
        PathError: neither the module nor the file has anything at one of the paths.
        ValueError: the module is on `meta`, where nothing has a value.
    """
    if any(tensor.is_meta for tensor in module.state_dict().values()):
        raise ValueError("a module on `meta` holds no values: make it on another device, or `to_empty` it first")
    found = fitting_weights(stored(module.state_dict()), path, skip)
    module.load_state_dict(found, strict=False)
    return len(found)


def fitting_weights(network: Weights, path: str | Path, skip: Iterable[str] = ()) -> dict[str, Tensor]:
    """The weights of a file if they are those of a network, what is skipped left out. Raises as `load_weights` does."""
    found = read_weights(path, network)
    skipped = set(selected(list({**network, **found}), skip))
    kept = {name: tensor for name, tensor in found.items() if name not in skipped}
    comparison = compare({name: s for name, s in network.items() if name not in skipped}, stored(kept))
    if comparison.obstacles:
        raise WeightsMismatch(str(path), comparison)
    return kept


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise WeightsFileError("safetensors is not installed: `pip install archdsl[weights]`") from None
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError):
        raise WeightsFileError(f"cannot read `{path}`: it is no whole file of safetensors") from None


def _pickled(path: Path) -> dict[str, Tensor]:
    from pickle import UnpicklingError

    import torch

    if path.suffix not in PICKLED:
        endings = ", ".join((".safetensors", *PICKLED))
        raise WeightsFileError(f"`{path}` is no file of weights that is known by its ending: {endings}")
    try:
        with catch_warnings(action="ignore"):  # of protocols of pickle
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes of any kind make the reader fail in any way
        raise WeightsFileError(_unreadable(path, has_code=isinstance(error, UnpicklingError))) from None
    found = _tensors(loaded) or next(filter(None, (_tensors(_item(loaded, name)) for name in CONTAINERS)), None)
    if found is None:
        raise WeightsFileError(f"`{path}` holds no tensors by name, neither itself nor in {', '.join(CONTAINERS)}")
    return found


def _item(loaded: Any, name: str) -> Any:
    return loaded.get(name) if isinstance(loaded, Mapping) else None


def _tensors(loaded: Any) -> dict[str, Tensor] | None:
    """The tensors of a mapping that holds nothing else."""
    import torch

    if not isinstance(loaded, Mapping) or not loaded:
        return None
    is_state = all(isinstance(name, str) and isinstance(t, torch.Tensor) for name, t in loaded.items())
    return dict(loaded) if is_state else None


def _require_file(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise WeightsFileError(f"cannot read `{path}`: {(error.strerror or 'no file').lower()}") from None
    except ValueError:
        raise WeightsFileError("cannot read the weights: their name holds a NUL byte") from None


def _unreadable(path: Path, *, has_code: bool) -> str:
    """Why a file of `torch.save` is not read; PyTorch's own words are about loading it in another way."""
    with path.open("rb") as file:
        head = file.read(9)
    if head[8:] == b"{":
        return f"cannot read `{path}`: it looks like safetensors, so call it `{path.with_suffix('.safetensors').name}`"
    if has_code and head[:1] in (b"P", b"\x80"):  # a zip file, or a pickle
        return (
            f"cannot read `{path}`: it holds more than tensors, a whole module say, and nothing else of a pickle is run"
        )
    return f"cannot read `{path}`: it is no whole file of `torch.save`"
