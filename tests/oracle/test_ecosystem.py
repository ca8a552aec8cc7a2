"""What PyTorch offers beyond running a module works on those that archdsl makes, for a few networks of the zoo."""

from __future__ import annotations

import copy
import subprocess
import sys
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.export import Dim, ExportedProgram
from torch.nn.parallel import DistributedDataParallel

import archdsl
from tests.support.cli import ROOT, environment

torch.set_num_threads(1)

CONVNET = f"{ROOT}/specs/convnet.arch"
NETWORKS = {
    "resnet": ("resnet_cifar.arch:ResNet20", {}),
    "siamese": ("siamese.arch:Siamese", {}),  # two inputs, a shared tower
    "googlenet": ("googlenet.arch:GoogLeNetTorchvisionAux", {"": (3, 64, 64)}),  # several outputs while training
    "mobilenet": ("mobilenet_v3.arch:MobileNetV3Small", {"": (3, 32, 32)}),  # gates, hard swish
}


@cache
def network(name: str) -> archdsl.NetworkSpec:
    spec, inputs = NETWORKS[name]
    return archdsl.load(f"{ROOT}/specs/{spec}", inputs=inputs)


def module(name: str) -> nn.Module:
    torch.manual_seed(0)
    return network(name).to_torch("cpu")


def images(name: str, batch: int) -> tuple[Tensor, ...]:
    torch.manual_seed(batch)
    return tuple(torch.randn(batch, *shape) for shape in network(name).inputs.values())


def tensors(result: Tensor | tuple[Tensor | None, ...]) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else [t for t in result if t is not None]


def loss(net: nn.Module, given: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([t.float().square().mean() for t in tensors(net(*given))]).sum()


def gradients(net: nn.Module, given: tuple[Tensor, ...]) -> list[Tensor]:
    net.zero_grad()
    torch.manual_seed(4)
    loss(net, given).backward()
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


@pytest.mark.parametrize("name", ["resnet", "siamese"])
def test_compile_makes_one_graph_of_it(name: str) -> None:
    """`fullgraph` refuses a module of which anything is left to Python. The backend needs no C++ compiler."""
    net, given = module(name), images(name, 2)
    compiled = torch.compile(copy.deepcopy(net), backend="aot_eager", fullgraph=True)
    for found, expected in zip(gradients(compiled, given), gradients(net, given), strict=True):
        torch.testing.assert_close(found, expected)
    torch._dynamo.reset()


@cache
def exported(name: str) -> ExportedProgram:
    net, given = module(name).eval(), images(name, 2)
    return torch.export.export(net, given, dynamic_shapes=tuple({0: Dim("batch", min=1)} for _ in given))


@pytest.mark.parametrize("name", ["resnet", "siamese", "mobilenet"])
def test_an_exported_program_takes_any_batch(name: str) -> None:
    net, program = module(name).eval(), exported(name)
    assert set(program.state_dict) == set(net.state_dict())
    for batch in (1, 5):
        given = images(name, batch)
        for found, expected in zip(tensors(program.module()(*given)), tensors(net(*given)), strict=True):
            torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["resnet", "siamese"])
def test_onnx_gives_the_same(name: str, tmp_path: Path) -> None:
    """The program as ONNX: accepted by the checker of onnx, and run by onnxruntime for another batch."""
    import onnx
    import onnxruntime

    net, path = module(name).eval(), tmp_path / "net.onnx"
    program = torch.onnx.export(exported(name), input_names=list(network(name).inputs), dynamo=True, verbose=False)
    assert program is not None
    program.save(path)
    onnx.checker.check_model(path, full_check=True)
    runtime = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = images(name, 5)
    names = [i.name for i in runtime.get_inputs()]
    assert names == list(network(name).inputs)
    found = runtime.run(None, {n: t.numpy() for n, t in zip(names, given, strict=True)})
    for actual, expected in zip(found, tensors(net(*given)), strict=True):
        torch.testing.assert_close(torch.from_numpy(actual), expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_mixed_precision(name: str) -> None:
    """Under autocast weights and gradients stay float32, and results are close to those of float32."""
    net, given = module(name), images(name, 4)
    with torch.autocast("cpu", torch.bfloat16):
        loss(net, given).backward()
        found = tensors(net.eval()(*given))
    of_parameters = [p.grad for p in net.parameters() if p.grad is not None]
    assert {g.dtype for g in of_parameters} == {torch.float32} and all(g.isfinite().all() for g in of_parameters)
    for actual, exact in zip(found, tensors(net(*given)), strict=True):
        assert nn.functional.cosine_similarity(actual.float().flatten(), exact.flatten(), dim=0) > 0.99


@pytest.mark.parametrize("name", NETWORKS)
def test_channels_last(name: str) -> None:
    net, given = module(name).eval(), images(name, 2)
    laid = copy.deepcopy(net).to(memory_format=torch.channels_last)
    moved = tuple(t.contiguous(memory_format=torch.channels_last) for t in given)
    for found, expected in zip(tensors(laid(*moved)), tensors(net(*given)), strict=True):
        torch.testing.assert_close(found, expected)


WORKER = """
import sys, torch
from tests.oracle.test_ecosystem import share
share(1, torch.load("batch.pth"))
"""


def share(rank: int, batch: tuple[Tensor, Tensor]) -> nn.Module:
    """One of two processes: half of a batch forward and backward. Their weights differ before, and not after."""
    start = f"file://{Path.cwd()}/store"
    distributed.init_process_group("gloo", init_method=start, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    try:
        torch.manual_seed(rank)
        net = DistributedDataParallel(archdsl.load(CONVNET).to_torch("cpu"))
        image, label = (t[2 * rank : 2 * rank + 2] for t in batch)
        nn.functional.nll_loss(net(image).log(), label).backward()
        distributed.barrier()
        return net
    finally:
        distributed.destroy_process_group()


def test_two_processes_share_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `DistributedDataParallel` gradients are those of the whole batch with the weights of the first process."""
    monkeypatch.chdir(tmp_path)
    if sys.platform == "linux":
        monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    torch.manual_seed(5)
    image, label = torch.randn(4, 1, 28, 28), torch.arange(4)
    torch.save((image, label), "batch.pth")
    with subprocess.Popen([sys.executable, "-c", WORKER], env=environment()) as other:
        net = share(0, (image, label))
    assert other.returncode == 0
    torch.save(net.state_dict(), "shared.pth")
    alone = archdsl.load(CONVNET).to_torch("cpu")
    assert archdsl.load_weights(alone, "shared.pth") == 8
    nn.functional.nll_loss(alone(image).log(), label).backward()
    for found, expected in zip(net.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)


BLOCKS = """\
block unit { conv1: conv(4, 3x3, pad=1) -> bn1: bn -> relu }
network Blocks { input image: [4, 8, 8]; layer: { unit -> unit } }
"""


def test_parts_that_run_twice_are_one_graph_with_the_rest(tmp_path: Path) -> None:
    """Compiled, they give what the plain module gives, running statistics too."""
    (tmp_path / "blocks.arch").write_text(BLOCKS)
    plain, image = archdsl.load(tmp_path / "blocks.arch").to_torch("cpu"), torch.randn(2, 4, 8, 8)
    net = copy.deepcopy(plain)
    archdsl.checkpoint(net, "layer.*")
    found = gradients(torch.compile(net, backend="aot_eager", fullgraph=True), (image,))
    for actual, expected in zip((*found, *net.buffers()), (*gradients(plain, (image,)), *plain.buffers()), strict=True):
        torch.testing.assert_close(actual, expected)
    torch._dynamo.reset()
