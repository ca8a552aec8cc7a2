"""Every network of a folder of specs: compiled, imported without archdsl, run forward and backward, and updated once.

    python tests/bench/every_network.py specs

One process, which has torch and not archdsl on its path, takes all files, and forks for each. A network that would need
more memory than `--memory` says runs forward on the meta device instead, which computes shapes alone. Prints a row for
each, with the most memory that its process held, and the totals; exits with 1 where one fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import importlib, json, os, sys, time
import torch

sys.path.insert(0, sys.argv[1])
torch.manual_seed(0)


def data(shape, dtype, device):
    shape = (2, *shape)
    if dtype == "float32":
        return torch.randn(shape, device=device)
    return torch.randint(0, 2, shape, device=device).to(getattr(torch, dtype))


def run(job):
    start = time.perf_counter()
    device = torch.device(job["device"])
    with device:
        module = getattr(importlib.import_module(job["module"]), job["class"])()
    params = sum(p.numel() for p in module.parameters())
    assert params == job["params"], (params, job["params"])
    results = module(*(data(*given, device) for given in job["inputs"]))
    results = (results,) if isinstance(results, torch.Tensor) else results
    shapes = [list(r.shape[1:]) for r in results]
    assert shapes == job["outputs"], (shapes, job["outputs"])
    if device.type != "meta" and params:
        loss = torch.stack([r.float().square().mean() for r in results]).sum()
        loss.backward()
        assert torch.isfinite(loss)
        assert all(p.grad is not None for p in module.parameters()), "a parameter without gradient"
        before = [p.detach().clone() for p in module.parameters()]
        torch.optim.SGD(module.parameters(), lr=0.1).step()
        assert any(not torch.equal(a, p) for a, p in zip(before, module.parameters())), "nothing has moved"
    return time.perf_counter() - start


def answer(job):
    try:
        found = {"seconds": run(job)}
    except Exception as error:
        found = {"failure": f"{type(error).__name__}: {error}"}
    if any(name.split(".")[0] == "archdsl" for name in sys.modules):
        found = {"failure": "archdsl is there"}
    return found


torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1).step()  # what it imports is imported once
for line in iter(sys.stdin.readline, ""):
    receiver, sender = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(sender, json.dumps(answer(json.loads(line))).encode())
        os._exit(0)
    os.close(sender)
    _, status, used = os.wait4(pid, 0)
    with os.fdopen(receiver) as reader:
        found = json.loads(reader.read() or json.dumps({"failure": f"the process ended with {status}"}))
    print(json.dumps({**found, "peak": 1024 * used.ru_maxrss}), flush=True)
"""


class Result(NamedTuple):
    name: str
    lines: int
    device: str
    needed: int
    """Bytes of its weights with their gradients, what is kept for backward and the gradients of that."""
    seconds: float = 0.0
    peak: int = 0
    """The most bytes that its process held."""
    failure: str = ""


def jobs(specs: Sequence[Path], folder: Path, memory: int) -> Iterator[dict[str, Any]]:
    """Compiles every network of the specs into the folder; what the other process has to know of each."""
    from archdsl.backends.pytorch import emit
    from archdsl.backends.pytorch.code.plan import plan
    from archdsl.pipeline import open_spec

    for path in specs:
        spec = open_spec(path)
        for name in spec.networks:
            checked = spec.check(name)
            assert checked.network is not None, checked.problems
            facts, network = checked.facts, checked.network
            source = emit(network)
            module = f"{path.stem}_{name}"
            (folder / f"{module}.py").write_text(source, "utf-8")
            figures = facts.memory_at(2)
            needed = 3 * figures.figure("parameters").bytes + 2 * figures.figure("saved_for_backward").bytes
            yield {
                "name": f"{path.name}:{name}",
                "module": module,
                "class": plan(network).class_name,
                "lines": len(source.splitlines()),
                "params": facts.cost.training.params,
                "inputs": [(t.shape, t.dtype) for t in network.input_types],
                "outputs": [o.value.type.shape for o in sorted(network.outputs, key=lambda o: o.training)],
                "device": "cpu" if needed <= memory else "meta",
                "needed": needed,
            }


def run(specs: Sequence[Path], folder: Path, memory: int) -> Iterator[Result]:
    """Runs every network of the specs in one process that does not find archdsl."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    child = subprocess.Popen(command, cwd=folder, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    for job in jobs(specs, folder, memory):
        child.stdin.write(json.dumps(job) + "\n")
        child.stdin.flush()
        answer = json.loads(child.stdout.readline() or '{"failure": "the process ended"}')
        yield Result(*(job[key] for key in ("name", "lines", "device", "needed")), **answer)
    child.stdin.close()
    if child.wait():
        yield Result("the process", 0, "cpu", 0, failure=f"ended with {child.returncode}")


def main() -> int:
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="+", type=Path, help="folders, or files")
    parser.add_argument("--memory", type=float, default=4.0, help="GB that a network may need (default: 4)")
    given = parser.parse_args()
    specs = [file for path in given.specs for file in (sorted(path.glob("*.arch")) if path.is_dir() else [path])]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for result in run(specs, Path(folder), int(given.memory * 1e9)):
            results.append(result)
            outcome = result.failure or ("step" if result.device == "cpu" else f"shapes, {result.needed / 1e9:.1f} GB")
            print(
                f"{result.name:<50}{result.lines:>5} lines{result.seconds:>8.2f} s{result.peak / 1e9:>6.1f} GB  {outcome}",
                flush=True,
            )
    failures = sum(bool(r.failure) for r in results)
    steps = sum(r.device == "cpu" and not r.failure for r in results)
    lines = sum(r.lines for r in results)
    print(
        f"{len(results)} networks, {lines} lines: {steps} trained one step, {len(results) - steps - failures} ran on the "
        f"meta device, {failures} failed; {sum(r.seconds for r in results):.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
