"""What a GPU and its libraries take besides tensors, measured, since no document says it for every version.

`python -m tests.bench.gpu_settle` prints all of it. `make gpu-check` adds what cuBLAS keeps to its predictions.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

PRECISIONS = (torch.float32, torch.bfloat16)
CONVOLUTIONS = ((3, 64, 7, 224), (64, 64, 3, 112), (256, 256, 3, 28), (512, 512, 3, 14), (512, 2048, 1, 14))
"""Channels in and out, window and map."""
KERNELS = {0: "its own steps", 1: "flash", 2: "memory-efficient", 3: "cuDNN"}
"""`SDPBackend` of `aten/src/ATen/SDPBackend.h`."""


class Cublas(NamedTuple):
    """Bytes that cuBLAS and cuBLASLt keep once they were called, by the thread that called them."""

    forward: int
    backward: int


def fresh() -> None:
    """Nothing is held, and what is taken from now on counts."""
    gc.collect()
    torch.cuda.synchronize()
    clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
    if clear is not None:
        clear()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def held() -> int:
    torch.cuda.synchronize()
    return torch.cuda.memory_allocated()


def cublas() -> Cublas:
    """From products with a bias and without one, in both precisions."""

    def products(x: Tensor) -> Tensor:
        lower = (x.to(dtype) for dtype in PRECISIONS)
        return sum(((F.linear(y, y, y[0]) @ y).float().sum() for y in lower), start=x.new_zeros(()))

    x = torch.ones(64, 64, device="cuda", requires_grad=True)
    fresh()
    before = held()
    with torch.no_grad():
        products(x)
    forward = held() - before
    products(x).backward()
    x.grad = None
    return Cublas(forward, held() - before - forward)


def outside() -> int:
    """Bytes of the device that the allocator did not take: the context of CUDA, and other processes."""
    free, total = torch.cuda.mem_get_info()
    return total - free - torch.cuda.memory_reserved()


def reserve(dtype: torch.dtype) -> int:
    """Bytes that cuDNN's batch norm keeps beside its statistics; 0 where PyTorch's own runs."""
    x = torch.randn(32, 64, 56, 56, device="cuda", dtype=dtype, requires_grad=True)
    weight, bias = (torch.ones(64, device="cuda", requires_grad=True) for _ in range(2))
    made = F.batch_norm(x, None, None, weight, bias, training=True)
    kept = getattr(made.grad_fn, "_saved_result3", None)
    return 0 if kept is None else kept.nbytes


def workspaces(channels: int, out: int, window: int, size: int, dtype: torch.dtype) -> tuple[int, int, int]:
    """The most that a convolution takes beside its tensors, forward and backward, and the bytes of what it touches."""
    x = torch.randn(32, channels, size, size, device="cuda", dtype=dtype, requires_grad=True)
    weight = torch.randn(out, channels, window, window, device="cuda", dtype=dtype, requires_grad=True)
    fresh()
    y = F.conv2d(x, weight, padding=window // 2)
    forward = torch.cuda.max_memory_allocated() - held()
    given = torch.ones_like(y)
    before = held()
    torch.cuda.reset_peak_memory_stats()
    y.backward(given)
    made = x.nbytes + weight.nbytes
    return forward, max(torch.cuda.max_memory_allocated() - before - made, 0), x.nbytes + weight.nbytes + y.nbytes


def kernel(dtype: torch.dtype) -> str:
    """Which kernel attention takes: 12 heads of 64 features, 197 tokens."""
    q = torch.randn(8, 12, 197, 64, device="cuda", dtype=dtype, requires_grad=True)
    choice = int(torch._fused_sdp_choice(q, q, q))
    return KERNELS.get(choice, str(choice))


def settled() -> Iterator[str]:
    """All of it in lines."""
    forward, backward = cublas()
    yield f"cuBLAS keeps {forward:_} bytes for the thread of forward, {backward:_} for that of backward"
    yield f"outside the allocator: {outside():_} bytes"
    for dtype in PRECISIONS:
        yield f"batch norm of {dtype} keeps {reserve(dtype):_} bytes of reserve; attention runs in {kernel(dtype)}"
    for shape in CONVOLUTIONS:
        for dtype in PRECISIONS:
            made, back, touched = workspaces(*shape, dtype)
            share = f"{made / touched:.2f} and {back / touched:.2f} of what it touches"
            yield f"convolution {shape}, 32 samples, {dtype}: {made:_} bytes of workspace forward, {back:_} backward: {share}"


def need_gpu() -> None:
    """Ends where there is none."""
    if not torch.cuda.is_available():
        sys.exit("this needs a GPU with CUDA, and PyTorch built for it")


def versions() -> str:
    """PyTorch and the libraries that it runs on."""
    return f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"


if __name__ == "__main__":
    need_gpu()
    print(versions(), *settled(), sep="\n", flush=True)
