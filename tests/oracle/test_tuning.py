"""Training a part of a network, and running parts twice: seen in the weights and gradients of real steps."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archdsl import checkpoint, freeze, load, parameter_groups
from archdsl.backends.pytorch.running.measure import saved_bytes
from tests.support.cli import ROOT, Cli

torch.set_num_threads(1)
RESNET = f"{ROOT}/specs/resnet_cifar.arch:ResNet20"


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return load(RESNET).to_torch("cpu")


def step(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    torch.manual_seed(1)
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(torch.randn(4, 3, 32, 32)), torch.arange(4)).backward()
    optimizer.step()


def changed(net: nn.Module, **settings: Any) -> set[str]:
    """The first parts of the paths of what two steps change, buffers too."""
    before = {name: t.clone() for name, t in net.state_dict().items()}
    optimizer = torch.optim.SGD(parameter_groups(net, 0.1, **settings), momentum=0.9)
    step(net, optimizer)
    step(net, optimizer)
    return {name.split(".")[0] for name, t in net.state_dict().items() if not torch.equal(t, before[name])}


ALL = {"conv1", "bn1", "layer1", "layer2", "layer3", "fc"}


@pytest.mark.parametrize(
    ("settings", "trained"),
    [
        (((), {}), ALL),
        ((("layer1", "layer3"), {}), {"conv1", "bn1", "layer2", "fc"}),
        ((("layer*",), {}), {"conv1", "bn1", "fc"}),
        ((("layer1.*",), {}), ALL - {"layer1"}),
        ((("layer1.0",), {}), ALL),
        (((), {"up_to": "layer2"}), {"layer3", "fc"}),
        (((), {"up_to": "bn1"}), ALL - {"conv1", "bn1"}),
        (((), {"all_but": ["fc"]}), {"fc"}),
        ((("conv1",), {"up_to": "bn1", "all_but": ["layer1", "layer2"]}), {"layer1", "layer2"}),
    ],
)
def test_what_is_frozen_stays(
    net: nn.Module, settings: tuple[tuple[str, ...], dict[str, Any]], trained: set[str]
) -> None:
    paths, options = settings
    freeze(net, *paths, **options)
    assert changed(net) == trained


def test_frozen_parts_need_no_memory(net: nn.Module) -> None:
    x = torch.randn(2, 3, 32, 32)
    whole = saved_bytes(net, x)
    freeze(net, up_to="layer3")
    probe = saved_bytes(net, x)
    assert probe == 2 * 64 * 4, "the features that the last layer sees"
    assert whole > 1000 * probe


def test_learning_rates_of_parts(net: Any) -> None:
    groups = parameter_groups(net, 1e-1, {"layer*": 1e-3, "layer3": 1e-2})
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert sorted(group["lr"] for group in groups) == [1e-3, 1e-2, 1e-1]
    assert rates[id(net.layer1[0].conv1.weight)] == 1e-3
    assert rates[id(net.layer3[2].bn2.bias)] == 1e-2
    assert rates[id(net.fc.weight)] == rates[id(net.conv1.weight)] == 1e-1
    assert len(rates) == len(list(net.parameters()))


def test_a_rate_of_nothing_changes_nothing(net: nn.Module) -> None:
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    changed(net, lr_of={"layer1": 0, "fc": 0})
    same = {name for name, p in net.named_parameters() if torch.equal(p, before[name])}
    assert same == {name for name in before if name.startswith(("layer1.", "fc."))}


def test_frozen_parameters_are_in_no_group(net: Any) -> None:
    freeze(net, all_but=["fc"])
    (group,) = parameter_groups(net, 0.1)
    assert {id(p) for p in group["params"]} == {id(p) for p in net.fc.parameters()}


@pytest.mark.parametrize(
    "use",
    [
        lambda net: freeze(net, "layer4"),
        lambda net: freeze(net, up_to="layer4"),
        lambda net: freeze(net, all_but=["layer4"]),
        lambda net: checkpoint(net, "layer4"),
        lambda net: parameter_groups(net, 1, {"layer4": 1}),
    ],
)
def test_a_path_that_is_not_there(net: nn.Module, use: Any) -> None:
    with pytest.raises(ValueError, match="`layer4`"):
        use(net)
    assert all(p.requires_grad for p in net.parameters())


def results(net: nn.Module) -> list[Tensor]:
    """Outputs, gradients and buffers of two steps."""
    torch.manual_seed(3)
    x = torch.randn(2, 3, 32, 32, requires_grad=True)
    outputs = []
    for _ in range(2):
        outputs.append(net(x))
        outputs[-1].square().sum().backward()
    gradients = [p.grad for p in (x, *net.parameters()) if p.grad is not None]
    return [*outputs, *gradients, *net.buffers()]


@pytest.mark.parametrize("paths", [("layer*",), ("layer*.*",), ("layer1.0", "layer3", "fc"), ("layer2", "layer2.1")])
def test_parts_that_run_twice_give_the_same(net: nn.Module, paths: tuple[str, ...]) -> None:
    """Bit for bit: outputs, gradients, and running statistics, which a second run would move a second time."""
    plain = copy.deepcopy(net)
    keys = list(net.state_dict())
    checkpoint(net, *paths)
    assert all(map(torch.equal, results(net), results(plain)))
    assert list(net.state_dict()) == keys


def test_parts_that_run_twice_keep_less(net: nn.Module) -> None:
    x = torch.randn(2, 3, 32, 32)
    whole = saved_bytes(net, x)
    checkpoint(net, "layer*.*")
    assert saved_bytes(net, x) < whole / 3


def test_a_network_is_made_with_parts_that_run_twice() -> None:
    spec, x = load(RESNET), torch.randn(2, 3, 32, 32)
    made, whole = spec.to_torch("cpu", checkpoint=["layer*.*"]), spec.to_torch("cpu")
    assert saved_bytes(made, x) < saved_bytes(whole, x) / 3
    with pytest.raises(ValueError, match="nothing that has weights is called `layers`; did you mean `layer3`"):
        spec.to_torch("meta", checkpoint=["layers"])


def test_dropout_is_the_same_in_both_runs() -> None:
    torch.manual_seed(0)
    net: Any = load(f"{ROOT}/specs/convnet.arch").to_torch("cpu").double()
    net.add_module("fc1", nn.Sequential(net.fc1, nn.Dropout(0.5)))
    plain = copy.deepcopy(net)
    checkpoint(net, "fc1")
    gradients = []
    for module in (plain, net):
        torch.manual_seed(5)
        module(torch.ones(2, 1, 28, 28, dtype=torch.float64)).log().sum().backward()
        gradients.append([p.grad for p in module.parameters()])
    assert all(map(torch.equal, *gradients))


def test_copies_of_parts_that_run_twice(net: nn.Module) -> None:
    checkpoint(net, "layer*.*")
    twin, thawed = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    expected = results(net)
    for other in (twin, thawed):
        assert all(map(torch.equal, results(other), expected))
        assert not {id(p) for p in other.parameters()} & {id(p) for p in net.parameters()}


def test_on_the_command_line(cli: Cli) -> None:
    arguments = ("run", RESNET, "--device", "cpu", "--batch", "2", "--train")
    done = cli(*arguments, "--freeze-all-but", "fc", "--lr", "0.1", "--lr-of", "fc=1e-3")
    rows = {line.split("  ")[0]: line.split() for line in done.out.splitlines()}
    assert rows["trained"] == ["trained", "-", "650"]
    assert rows["kept for backward"][3:] == ["512", "B", "512", "B", "same"]
    checkpointed = cli(*arguments, "--checkpoint", "layer*.*", "--freeze", "conv1", "--freeze-up-to", "bn1")
    assert checkpointed.code == 0 and "trained" in checkpointed.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--freeze", "fc"), "`--freeze` is for training: give `--train` too"),
        (("--checkpoint", "fc"), "`--checkpoint` is for training: give `--train` too"),
        (("--train", "--freeze", "fcc"), "nothing that has weights is called `fcc`; did you mean `fc`?"),
        (("--train", "--freeze", "*weight"), "is called `*weight`: `*` matches no dot; did you mean `*.weight`?"),
        (("--train", "--checkpoint", "fcc"), "archdsl: nothing that has weights is called `fcc`; did you mean `fc`?"),
        (("--train", "--lr-of", "fcc=1"), "nothing that has weights is called `fcc`; did you mean `fc`?"),
        (("--train", "--lr-of", "fc"), "`fc` is not PATH=RATE"),
        (("--train", "--lr", "fast"), "`fast` is no learning rate"),
        (("--train", "--lr", "-1"), "`-1` is no learning rate"),
        (("--train", "--freeze", "*"), "it has no parameter to train"),
        (("--skip", "fc"), "`--skip` leaves out a part of `--weights`: give both"),
    ],
)
def test_wrong_use(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    done = cli("run", RESNET, "--device", "cpu", *arguments)
    assert (done.code, done.out) == (2, "") and words in done.err and "Traceback" not in done.err


@pytest.mark.parametrize(
    "command",
    [
        ("compile", "--checkpoint"),
        ("report", "memory", "--train", "--checkpoint"),
        ("report", "memory", "--train", "--freeze"),
        ("run", "--train", "--checkpoint"),
        ("run", "--train", "--freeze"),
    ],
    ids=" ".join,
)
def test_a_path_that_names_nothing_has_one_answer(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli(*command, "fcc", RESNET)
    assert (done.code, done.err) == (2, "archdsl: nothing that has weights is called `fcc`; did you mean `fc`?\n")


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("a.out_proj", "a"),
        ("a.in_proj_weight", "a"),
        ("c.parametrizations.weight", "c"),
        ("c.bias", "c"),
        ("*.bias", "c"),
    ],
)
def test_what_is_only_a_piece_of_a_part_is_not_run_twice(cli: Cli, tmp_path: Path, path: str, part: str) -> None:
    """PyTorch never calls it by itself."""
    spec = tmp_path / "made.arch"
    spec.write_text("network Made { input x: [6, 8]; a: attention(2) -> c: linear(4, parametrization=weight_norm) }")
    words = f"archdsl: `{path}` is no part that can be checkpointed: it belongs to `{part}`; did you mean `{part}`?\n"
    for command in (("compile",), ("report", "memory", "--train"), ("run", "--train")):
        done = cli(*command, spec, "--checkpoint", path)
        assert (done.code, done.err) == (2, words)
        assert cli(*command, spec, "--checkpoint", part).code == 0
