"""Files of weights: loaded where PyTorch loads them strictly, told apart name by name, and never run."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from archdsl import freeze, load, load_weights, loads
from archdsl.analyses.weights import weights
from archdsl.backends.pytorch import WeightsFileError, WeightsMismatch, build
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.support.cli import Cli

torch.set_num_threads(1)

SPEC = """\
block unit(width) {
  add {
    | conv1: conv(width, 3x3, pad=1, bias=false) -> bn1: bn -> relu
    | identity
  }
}
network Small(classes = 10) {
  input image: [4, 8, 8]
  layer1: { unit(4) -> unit(4) }
  multiply {
    | identity
    | gain: parameter([4, 1, 1], init=1)
  }
  flatten
  fc: linear(classes)
  output logits
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.arch").write_text(SPEC)
    return tmp_path


def module(**parameters: Any) -> Any:
    return load("small.arch", **parameters).to_torch("cpu")


def state() -> dict[str, Tensor]:
    """Weights that no fresh module has."""
    torch.manual_seed(7)
    return {
        name: torch.randn(t.shape) if t.is_floating_point() else torch.tensor(12)
        for name, t in module().state_dict().items()
    }


def without(*names: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda found: {name: t for name, t in found.items() if name not in names}


CHANGES: dict[str, Callable[[dict[str, Tensor]], dict[str, Tensor]]] = {
    "none": lambda found: found,
    "another order": lambda found: dict(reversed(found.items())),
    "missing": without("fc.bias"),
    "missing parameter": without("gain"),
    "missing buffer": without("layer1.0.bn1.running_mean"),
    "missing counter": without("layer1.0.bn1.num_batches_tracked", "layer1.1.bn1.num_batches_tracked"),
    "unexpected": lambda found: {**found, "head.weight": torch.zeros(2)},
    "another shape": lambda found: {**found, "fc.weight": torch.zeros(10, 255)},
    "as many values": lambda found: {**found, "fc.weight": found["fc.weight"].T.contiguous()},
    "another rank": lambda found: {**found, "gain": torch.zeros(4)},
    "half": lambda found: {name: t.half() if t.is_floating_point() else t for name, t in found.items()},
    "double": lambda found: {name: t.double() if t.is_floating_point() else t for name, t in found.items()},
    "renamed": lambda found: {name.replace("layer1", "stage1"): t for name, t in found.items()},
    "nothing": lambda found: {"x": torch.zeros(1)},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_what_loads_is_what_pytorch_loads_strictly(change: str, ending: str) -> None:
    changed = CHANGES[change](state())
    file = Path(f"weights{ending}")
    save_file(changed, file) if ending == ".safetensors" else torch.save(changed, file)
    expected, found = module(), module()
    try:
        expected.load_state_dict(changed, strict=True)
    except RuntimeError:
        before = {name: t.clone() for name, t in found.state_dict().items()}
        with pytest.raises(WeightsMismatch):
            load_weights(found, file)
        assert all(torch.equal(t, before[name]) for name, t in found.state_dict().items()), "nothing is loaded"
    else:
        assert load_weights(found, file) == len(changed)
        assert all(torch.equal(t, found.state_dict()[name]) for name, t in expected.state_dict().items())


def test_names_stand_in_the_order_of_the_state_dict() -> None:
    """Tensors of a module before those in its parts, parameters before buffers, shared instances where they are declared."""
    text = """
    network Net {
      input x: [4]
      shared late = linear(4)
      shared early = { linear(4) -> norm: bn }
      x -> early -> late -> early -> last: linear(3)
      add {
        | identity
        | ramp: constant([3], "i + 0.5")
        | parts: { offset: parameter([3]) }
        | offset: parameter([3])
      }
    }"""
    network = open_source(Source("net.arch", text), Path()).check("Net").network
    assert network is not None
    assert [*weights(network)] == [*build(network).state_dict()]


@pytest.mark.parametrize("container", ["state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_checkpoints_of_a_training(container: str, prefix: str) -> None:
    """Beside an optimizer, from inside `DistributedDataParallel` or `torch.compile`."""
    weights = {prefix + name: t for name, t in state().items()}
    torch.save({"epoch": 3, "optimizer": {"state": {}, "param_groups": []}, container: weights}, "weights.pth")
    found = module()
    load_weights(found, "weights.pth")
    assert all(torch.equal(t, found.state_dict()[name]) for name, t in state().items())


def test_a_network_may_itself_be_called_module() -> None:
    Path("small.arch").write_text("network N { input image: [4]; module: { linear(3) -> linear(2) } }")
    save_file(state(), "weights.safetensors")
    assert load_weights(module(), "weights.safetensors") == 4


def test_all_but_the_head_is_loaded(cli: Cli) -> None:
    save_file(state(), "weights.safetensors")
    found = module(classes=3)
    fresh = found.fc.weight.clone()
    assert load_weights(found, "weights.safetensors", skip=["fc"]) == len(state()) - 2
    assert torch.equal(found.fc.weight, fresh)
    assert torch.equal(found.layer1[0].conv1.weight, state()["layer1.0.conv1.weight"])
    with pytest.raises(ValueError, match="nothing that has weights is called `fcc`; did you mean `fc`"):
        load_weights(found, "weights.safetensors", skip=["fcc"])


def write_part(path: Path) -> None:
    torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:-500])


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (Path("ran"), "it ran")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: torch.save({"fc.weight": Evil()}, path),
        lambda path: path.write_bytes(pickle.dumps({"fc.weight": Evil()})),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x80\x02."),
        lambda path: path.write_bytes(b"PK\x03\x04 and so on"),
        lambda path: path.write_bytes(bytes(range(256)) * 64),
        lambda path: torch.save([torch.zeros(1)], path),
        lambda path: torch.save({"epoch": 1}, path),
        lambda path: torch.save({1: torch.zeros(1)}, path),
        lambda path: torch.save(torch.zeros(1), path),
        write_part,
        lambda path: path.mkdir(),
        lambda path: None,
    ],
)
@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".txt"])
def test_a_file_that_holds_no_weights(cli: Cli, write: Callable[[Path], Any], ending: str) -> None:
    write(Path(f"weights{ending}"))
    done = cli("weights", "diff", "small.arch", f"weights{ending}")
    assert (done.code, done.out) == (2, "") and done.err.startswith("archdsl: ")
    assert done.err.count("\n") == 1 and not Path("ran").exists()
    with pytest.raises(WeightsFileError):
        load_weights(module(), f"weights{ending}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.pth", "cannot read `nowhere.pth`: no such file or directory"),
        ("nowhere.safetensors", "cannot read `nowhere.safetensors`: no such file or directory"),
        (".", "cannot read `.`: is a directory"),
        ("a\0b.pth", "their name holds a NUL byte"),
        ("small.arch", "`small.arch` is no file of weights that is known by its ending: .safetensors, .pth"),
    ],
)
def test_a_file_that_is_not_there(cli: Cli, name: str, words: str) -> None:
    done = cli("weights", "diff", "small.arch", name)
    assert (done.code, done.out) == (2, "") and words in done.err


def test_safetensors_is_asked_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file(state(), "weights.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    done = cli("weights", "diff", "small.arch", "weights.safetensors")
    assert (done.code, done.err) == (2, "archdsl: safetensors is not installed: `pip install archdsl[weights]`\n")


@pytest.mark.parametrize("length", [7, 8, 40, 2000])
def test_a_safetensors_file_that_is_cut_short(cli: Cli, length: int) -> None:
    save_file(state(), "whole.safetensors")
    Path("weights.safetensors").write_bytes(Path("whole.safetensors").read_bytes()[:length])
    assert cli("weights", "diff", "small.arch", "weights.safetensors").code == 2


def test_differences_are_told_name_by_name(cli: Cli) -> None:
    changed = {name.replace("layer1.0.", "block."): t for name, t in state().items()}
    changed |= {"fc.weight": torch.zeros(7, 256), "gain": state()["gain"].half(), "extra": torch.zeros(2, 3)}
    save_file(dict(sorted(changed.items())), "weights.safetensors")
    done = cli("weights", "diff", "small.arch", "weights.safetensors")
    rows = [line.split() for line in done.out.splitlines()[4:]]
    assert done.code == 1
    assert ["fc.weight", "[10,", "256]", "[7,", "256]", "shape"] in rows
    assert ["gain", "[4,", "1,", "1]", "[4,", "1,", "1]", "float16", "dtype"] in rows
    assert ["extra", "-", "[2,", "3]", "unexpected"] in rows
    assert "layer1.0.conv1.weight" in done.out and "`block.conv1.weight`?" in done.out
    data = json.loads(cli("weights", "diff", "small.arch", "weights.safetensors", "--format", "json").out)
    assert (data["schema"], data["matching"], data["expected"], data["loads"]) == ("archdsl.weights/1", 7, 15, False)
    assert {r["before"]: r["after"] for r in data["renames"]} == {
        name: name.replace("layer1.0.", "block.") for name in state() if name.startswith("layer1.0.")
    }
    assert data["differences"][-1] == {
        "name": "extra", "kind": "unexpected", "before": None, "after": {"shape": [2, 3], "dtype": "float32"}, "by": None
    }  # fmt: skip


def test_renames_do_without_common_last_names(cli: Cli) -> None:
    """As frameworks differ that call the weights of batch norms gamma and beta."""
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    changed = {
        ".".join((*name.split(".")[:-1], names.get(name.split(".")[-1], name.split(".")[-1])))
        if "bn1" in name
        else name: t
        for name, t in state().items()
    }
    torch.save(changed, "weights.pth")
    data = json.loads(cli("weights", "diff", "small.arch", "weights.pth", "--format", "json").out)
    assert {(r["before"].split(".")[-1], r["after"].split(".")[-1]) for r in data["renames"]} == set(names.items())
    assert len(data["renames"]) == 8


def test_two_files_are_compared_with_their_values(cli: Cli) -> None:
    save_file(state(), "before.safetensors")
    save_file(state(), "same.safetensors")
    save_file({**state(), "fc.bias": state()["fc.bias"] + 0.5}, "after.safetensors")
    assert cli("weights", "diff", "small.arch", "before.safetensors", "same.safetensors").code == 0
    done = cli("weights", "diff", "small.arch", "before.safetensors", "after.safetensors")
    assert done.code == 1 and "fc.bias  [10]                [10]               values, by 0.5" in done.out


def test_weights_on_the_command_line(cli: Cli) -> None:
    save_file(state(), "weights.safetensors")
    assert "15 tensors of weights.safetensors load" in cli(
        "compile", "small.arch", "--weights", "weights.safetensors", "-o", "small.py"
    ).out  # fmt: skip
    assert cli("run", "small.arch", "--device", "cpu", "--weights", "weights.safetensors").code == 0
    other = ("small.arch", "--set", "classes=3", "--weights", "weights.safetensors")
    for command in (["compile", "-o", "other.py"], ["run", "--device", "cpu"]):
        done = cli(*command, *other)
        assert (done.code, done.out) == (1, "") and "--skip fc loads the rest" in done.err
        assert cli(*command, *other, "--skip", "fc").code == 0
    Path("other.py").unlink()
    done = cli("compile", *other, "-o", "other.py")
    assert "`fc.weight` (shape) and 1 more" in done.err and not Path("other.py").exists()


SMALL = loads("network N { input x: [3]; fc: linear(2) }")


def test_a_module_without_values_takes_none(tmp_path: Path) -> None:
    torch.save(SMALL.to_torch("cpu").state_dict(), tmp_path / "n.pth")
    with pytest.raises(ValueError, match="on `meta` holds no values"):
        load_weights(SMALL.to_torch("meta"), tmp_path / "n.pth")


def test_a_path_by_itself_is_no_list(tmp_path: Path) -> None:
    module = SMALL.to_torch("cpu")
    torch.save(module.state_dict(), tmp_path / "n.pth")
    with pytest.raises(ValueError, match="paths are in a list, as \\['fc'\\]"):
        load_weights(module, tmp_path / "n.pth", skip="fc")
    with pytest.raises(ValueError, match="paths are in a list, as \\['fc'\\]"):
        freeze(module, all_but="fc")


def test_what_is_no_file_of_weights_is_told_in_words_of_its_own(tmp_path: Path) -> None:
    module = SMALL.to_torch("cpu")
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    torch.save(module.state_dict(), tmp_path / "n.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "n.pth").read_bytes()[:200])
    (tmp_path / "garbage.pth").write_bytes(b"no weights at all")
    save_file(module.state_dict(), tmp_path / "named.pth")
    words = {
        "whole.pt": "it holds more than tensors",
        "cut.pth": "it is no whole file of `torch.save`",
        "garbage.pth": "it is no whole file of `torch.save`",
        "named.pth": "it looks like safetensors, so call it `named.safetensors`",
    }
    for name, said in words.items():
        with pytest.raises(WeightsFileError) as caught:
            load_weights(module, tmp_path / name)
        assert said in str(caught.value) and "\x1b" not in str(caught.value)


VOLUMES = "network N { input x: [3, 5, 5, 5]; conv(4, 3x3x3) -> bn -> relu }"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dtype": "float16"}, "`dtype` is no 'float16': a floating-point type"),
        ({"dtype": torch.int8}, "`dtype` is no torch.int8"),
        ({"memory_format": torch.channels_last}, "`memory_format` is torch.channels_last, for weights of 4 axes"),
        ({"checkpoint": "0"}, "`checkpoint` is no '0': paths in a list"),
    ],
)
def test_what_pytorch_would_refuse_later(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        loads(VOLUMES).to_torch("cpu", **settings)
    weight = loads(VOLUMES).to_torch("cpu", memory_format=torch.channels_last_3d).get_parameter("0.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_weights_that_are_missing_or_folded_are_not_folded() -> None:
    net = loads(VOLUMES)
    state = net.to_torch("cpu").state_dict()
    for missing in ({}, net.fold(state), {name: t for name, t in state.items() if name != "0.bias"}):
        with pytest.raises(KeyError):
            net.fold(missing)
    old = {name: t for name, t in state.items() if not name.endswith("num_batches_tracked")}
    assert net.fold(old).keys() == net.to_torch("cpu", inference=True).state_dict().keys()
