"""What PyTorch offers beyond running a module works on those that archdsl makes, for a few networks of the zoo."""

from __future__ import annotations

import copy
import subprocess
import sys
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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
    compiled: Any = torch.compile(copy.deepcopy(net), backend="aot_eager", fullgraph=True)
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


OPEN = {
    # as in Long et al. 2015: padded far, cropped to the image and to each other; a map that ends in the middle of a pool
    "fcn": """\
network Open {
  input image: [3, H, W]
  conv(8, 3x3, pad=20) -> relu -> maxpool(2x2, round=ceil) as finer
  conv(8, 3x3) -> relu -> maxpool(2x2) -> conv(4, 1x1) -> conv_transpose(4, 2x2, stride=2) as up
  add { | up | finer -> conv(4, 1x1) -> crop(like=up, offset=1) }
  conv_transpose(4, 4x4, stride=2) -> crop(like=image, offset=15)
}
""",
    "pyramid": """\
network Open {
  input image: [3, H, W]
  conv(4, 3x3, stride=2, pad=1) -> relu as c1
  conv(4, 3x3, stride=2, pad=1) -> relu -> upsample(like=c1) -> add(c1) -> upsample(like=image, mode=bilinear)
}
""",
    "transformer": """\
block self_attention(heads) {
  let size = in.features // heads
  q: linear(in.features) -> reshape([in.shape[0], heads, size]) -> permute([1, 0, 2]) as q
  in -> k: linear(in.features) -> reshape([in.shape[0], heads, size]) -> permute([1, 0, 2]) as k
  in -> v: linear(in.features) -> reshape([in.shape[0], heads, size]) -> permute([1, 0, 2]) as v
  sdpa(causal=true) { | q | k | v } -> permute([1, 0, 2]) -> reshape([in.shape[0], in.features])
}
block layer(heads) {
  add { | in | norm1: ln -> attention(heads) } as seen
  add { | seen | norm2: ln -> self_attn: self_attention(heads) }
}
network Open {
  input words: int64 [T]
  embedding(50, 16) -> layer(4) -> layer(2) -> linear(50)
}
""",
    "vit": """\
network Open {
  input image: [3, H, W]
  where H % 4 == 0 and W % 4 == 0
  conv(16, 4x4, stride=4) -> flatten(1) -> permute([1, 0])
  add { | in -> conv(16, 4x4, stride=4) -> flatten(1) -> permute([1, 0]) | attention(4) }
  ln -> reduce_mean(axes=0) -> linear(10)
}
""",
    "unet": "",
}
SIZES = {
    "fcn": ((33, 40), (27, 61)),
    "pyramid": ((9, 5), (32, 17)),
    "transformer": ((7,), (12,)),
    "unet": ((188, 204), (204, 220)),
    "vit": ((16, 20), (8, 12)),
}


def opened(name: str, *sizes: int) -> archdsl.NetworkSpec:
    """A small network with open sizes, or with these instead."""
    symbols: dict[str, Any] = dict(zip(("T",) if len(sizes) == 1 else ("H", "W"), sizes, strict=False))
    if name == "unet":
        return archdsl.load(f"{ROOT}/specs/unet.arch:UNet", base=4, **symbols)
    with TemporaryDirectory() as folder:
        (Path(folder) / "open.arch").write_text(OPEN[name])
        return archdsl.load(Path(folder) / "open.arch", **symbols)


@cache
def open_export(name: str) -> ExportedProgram:
    """The program of one with what its spec says of the sizes."""
    net = opened(name)
    torch.manual_seed(0)
    (type,) = net.graph.input_types
    return torch.export.export(
        net.to_torch("cpu").eval(),
        (torch.zeros(2, *type.shape, dtype=getattr(torch, type.dtype)),),
        dynamic_shapes=net.dynamic_shapes(),
        prefer_deferred_runtime_asserts_over_guards=True,
    )


def alone(name: str, sizes: tuple[int, ...], batch: int) -> tuple[Tensor, Tensor]:
    """Random data of other sizes, and what the module for just these makes of it; archdsl tells the sizes of that."""
    net = opened(name, *sizes)
    module = net.to_torch("cpu").eval()
    module.load_state_dict(open_export(name).state_dict)
    torch.manual_seed(batch)
    (type,) = net.graph.input_types
    shape = (batch, *type.shape)
    given = torch.randn(shape) if type.is_float else torch.randint(0, 50, shape)
    expected = module(given).detach()
    assert [tuple(expected.shape[1:])] == list(net.outputs.values())
    return given, expected


@pytest.mark.parametrize("name", OPEN)
def test_an_exported_program_takes_the_sizes_of_the_spec(name: str) -> None:
    program = open_export(name).module()
    for batch, sizes in enumerate(SIZES[name], 2):
        given, expected = alone(name, sizes, batch)
        torch.testing.assert_close(program(given), expected)


def test_sizes_that_the_spec_excludes_are_refused() -> None:
    net = opened("unet")
    (shapes,) = net.dynamic_shapes()
    assert str(shapes[2]) == "16*H_16 + 12" and shapes[2].root.min == 11, "H % 16 == 12 and H >= 188"
    with pytest.raises(RuntimeError, match="assertion failed"):
        open_export("unet").module()(torch.zeros(1, 1, 188, 200))


@pytest.mark.parametrize(
    ("stated", "dims"),
    [
        ("H >= 8 and H <= 64", {"H": (8, 64)}),
        ("H % 4 == 0 and H >= 8", {"H_4": (2, None)}),
        ("H == 8 or H == 64", {}),
        ("H == 8", {}),
        ("H % 4 == 0 or H % 6 == 0", {}),
    ],
)
def test_an_axis_is_open_where_a_dim_has_just_the_sizes_of_the_spec(
    stated: str, dims: dict[str, tuple[int, int | None]]
) -> None:
    """Else it keeps the size of the example, as PyTorch does with what it is told nothing of."""
    net = archdsl.loads(f"network N {{ input x: [1, H]; where {stated}; conv(4, 3); gap: avgpool(global) }}")
    (shapes,) = net.dynamic_shapes()
    found = {dim: getattr(dim, "root", dim) for axis, dim in shapes.items() if axis}
    assert {d.__name__: (d.min, None if d.max > 2**40 else d.max) for d in found.values()} == dims
    given = torch.zeros(2, *net.graph.input_types[0].shape)
    program = torch.export.export(
        net.to_torch("cpu").eval(), (given,), dynamic_shapes=(shapes,), prefer_deferred_runtime_asserts_over_guards=True
    ).module()
    assert program(given).shape == (2, 4, 1)
    with pytest.raises((AssertionError, RuntimeError), match=r"[Gg]uard failed|assertion failed"):
        program(torch.zeros(2, 1, 7))


@pytest.mark.parametrize("name", OPEN)
def test_onnx_takes_the_sizes_of_the_spec(name: str, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    program = torch.onnx.export(open_export(name), dynamo=True, verbose=False)
    assert program is not None
    program.save(tmp_path / "net.onnx")
    onnx.checker.check_model(tmp_path / "net.onnx", full_check=True)
    runtime = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    for batch, sizes in enumerate(SIZES[name], 2):
        given, expected = alone(name, sizes, batch)
        (found,) = runtime.run(None, {runtime.get_inputs()[0].name: given.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-5)


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
    net: Any = module(name).eval()  # PyTorch's types leave `memory_format` out
    given, laid = images(name, 2), copy.deepcopy(net).to(memory_format=torch.channels_last)
    moved = tuple(t.contiguous(memory_format=torch.channels_last) for t in given)
    for found, expected in zip(tensors(laid(*moved)), tensors(net(*given)), strict=True):
        torch.testing.assert_close(found, expected)


WORKER = """
import os, sys, torch
from tests.oracle.test_ecosystem import share
net = share(int(sys.argv[1]))
torch.save([p.grad for p in net.parameters()], f"gradients{sys.argv[1]}.pth")
os._exit(0)  # without the group's end, in which threads of its library may abort
"""


def share(rank: int) -> nn.Module:
    """One of two processes: half of a batch forward and backward. Their weights differ before, and not after."""
    start = f"file://{Path.cwd()}/store"
    distributed.init_process_group("gloo", init_method=start, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    torch.manual_seed(rank)
    net = DistributedDataParallel(archdsl.load(CONVNET).to_torch("cpu"))
    image, label = (t[2 * rank : 2 * rank + 2] for t in torch.load("batch.pth"))
    nn.functional.nll_loss(net(image).log(), label).backward()
    if rank == 0:
        torch.save(net.state_dict(), "shared.pth")
    distributed.barrier()
    return net


def test_two_processes_share_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `DistributedDataParallel` gradients are those of the whole batch with the weights of the first process."""
    monkeypatch.chdir(tmp_path)
    if sys.platform == "linux":
        monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    torch.manual_seed(5)
    image, label = torch.randn(4, 1, 28, 28), torch.arange(4)
    torch.save((image, label), "batch.pth")
    processes = [subprocess.Popen([sys.executable, "-c", WORKER, str(rank)], env=environment()) for rank in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    alone = archdsl.load(CONVNET).to_torch("cpu")
    assert archdsl.load_weights(alone, "shared.pth") == 8
    nn.functional.nll_loss(alone(image).log(), label).backward()
    for rank in range(2):
        found = torch.load(f"gradients{rank}.pth")
        for actual, parameter in zip(found, alone.parameters(), strict=True):
            torch.testing.assert_close(actual, parameter.grad)


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
    compiled: Any = torch.compile(net, backend="aot_eager", fullgraph=True)
    found = gradients(compiled, (image,))
    for actual, expected in zip((*found, *net.buffers()), (*gradients(plain, (image,)), *plain.buffers()), strict=True):
        torch.testing.assert_close(actual, expected)
    torch._dynamo.reset()
