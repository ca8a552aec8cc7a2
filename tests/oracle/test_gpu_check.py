"""`make gpu-check`, on a device that is none: the steps run on a CPU, and what they take is made up."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import Band, Taken, TrainingSettings, cuda
from tests.bench import gpu_settle
from tests.bench.gpu_check import BATCHES, SETTINGS, Gpu, check, lines, model, networks, read
from tests.bench.gpu_page import Case, Line, page_of, summary
from tests.support.networks import published


class Pretended:
    """A device on which every step takes the same, or finds no memory left."""

    device = torch.device("cpu")
    name = "a device"
    versions = "PyTorch"
    memory = 2**30
    cublas: tuple[int, ...] = (33 * 2**20, 33 * 2**20)

    def __init__(self, found: Taken | None, expandable: bool = False) -> None:
        self.found = found
        self.expandable = expandable
        self.runs = 0

    def start(self) -> None:
        self.runs += 1

    def taken(self) -> Taken:
        if self.found is None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.found


TAKEN = Taken(10 * 2**20, 11 * 2**20, 12 * 2**20)


def test_a_run_is_taken_up_where_it_was_ended(tmp_path: Path) -> None:
    results, page = tmp_path / "gpu.jsonl", tmp_path / "gpu.md"
    assert check(["mlp"], Pretended(TAKEN), results, page, minutes=0) == []
    assert not page.exists()
    first = []
    for line in lines(["mlp"], Pretended(TAKEN), set()):
        first.append(line)
        if len(first) == 7:
            break
    results.write_text("".join(f"{line.text()}\n" for line in first) + first[0].text()[:30], "utf-8")
    device = Pretended(TAKEN)
    found = check(["mlp"], device, results, page)
    assert found[:7] == first and len(found) == 7 + device.runs == len({line.case for line in found})
    assert read(results) == found
    assert len(found) == len([*networks(["mlp"])]) * len(BATCHES) * len(SETTINGS)
    text = page.read_text("utf-8")
    assert "on a device." in text and text.count("\n| mlp:MLP | 8 | bf16-mixed | adam | native | ") == 1
    again = Pretended(TAKEN)
    assert check(["mlp"], again, results, page) == found and again.runs == 0
    assert page.read_text("utf-8") == text


def test_the_clock_ends_a_run() -> None:
    assert [*lines(["mlp"], Pretended(TAKEN), set(), monotonic() - 1)] == []


def test_one_network_of_each_spec_comes_first() -> None:
    names = [name.partition(":")[0] for name, _ in networks(["lenet", "siamese", "mlp"])]
    assert names[:3] == ["lenet", "siamese", "mlp"]


def test_what_may_not_fit_is_left_out() -> None:
    device = Pretended(TAKEN)
    device.memory = 16 * 2**20
    assert [*lines(["mlp"], device, set())] == [] and device.runs == 0


@pytest.mark.parametrize("expandable", [False, True])
def test_a_step_is_compared_with_the_allocator_as_it_was_run(expandable: bool) -> None:
    line = next(lines(["siamese"], Pretended(TAKEN, expandable), set()))
    network = dict(networks(["siamese"]))[line.case.name]
    predicted = Facts(network, line.case.batch).on_cuda(SETTINGS[0])
    assert predicted is not None
    tensors, cublas = predicted.expandable if expandable else predicted.native, 66 * 2**20
    assert line.model[:2] == (tensors.requested + cublas, tensors.allocated + cublas)
    assert line.model.reserved == tensors.reserved + 68 * 2**20  # whole segments
    assert line.case.expandable == expandable


def line(measured: Taken | None, batch: int = 8) -> Line:
    model = Taken(1000, 1024, 2048)
    return Line(Case("a", batch, "float32", "sgd", False), model, Band(1000, 1100), Band(2000, 3000), measured)


def test_too_little_memory_is_counted_however_it_shows() -> None:
    right, over, none = line(Taken(1000, 1024, 3000)), line(Taken(1000, 1200, 3001), 32), line(None)
    assert (right.is_under, over.is_under, none.is_under) == (False, True, True)
    assert (right.is_inside, over.is_inside, none.is_inside) == (True, False, False)
    said = "\n".join(summary([right, over, none]))
    assert "reserved more than the band allows: 2 of 3" in said
    assert "allocated inside the band: 1 of 3" in said
    assert "native segments, all batches: requested, median 0.00% off, at the worst 0.00%, of 2" in said
    assert "native segments, batches from 32 on: allocated, median 14.67% off, at the worst 14.67%, of 1" in said
    assert "| a | 8 | float32 | sgd | native | none left | none left | none left | no |" in page_of(
        [none], "a device", (1, 2)
    )


def test_bars_are_met_or_missed() -> None:
    small, large = line(Taken(1004, 1024, 2048)), line(Taken(1000, 1010, 2500), 32)
    said = "\n".join(summary([small, large]))
    assert "requested at most 0.5% off at the worst: met, 0.40%" in said
    assert "allocated at most 1.0% off at the median, batches from 32 on: missed, 1.39%" in said
    assert "allocated at most 3.0% off at the worst, batches from 32 on: met, 1.39%" in said
    assert "reserved at most 5.0% off at the median, batches from 32 on, expandable segments: not measured" in said
    assert "reserved at most 10.0% off at the median, batches from 32 on, native segments: missed, 18.08%" in said
    assert "all batches: requested, median 0.20% off, at the worst 0.40%, of 2; 1 predicted too low" in said
    assert "the bar of none is met" in said and "the bar of none is missed" in "\n".join(summary([line(None)]))


def test_networks_without_products_of_matrices_take_no_workspace_of_cublas() -> None:
    network = dict(networks(["allconv"]))["allconv:AllCNN_C"]
    predicted = Facts(network).on_cuda(SETTINGS[0], 8)
    assert predicted is not None and model(predicted, network, Pretended(TAKEN)) == predicted.native


class Failing(Pretended):
    """One network has an error of its own, or the device has one."""

    def __init__(self, message: str) -> None:
        super().__init__(TAKEN)
        self.message = message

    def start(self) -> None:
        super().start()
        if self.runs == 1:
            raise RuntimeError(self.message)


def test_an_error_of_one_step_leaves_out_that_step(capsys: pytest.CaptureFixture[str]) -> None:
    found = next(lines(["mlp"], Failing("cuDNN does not know this"), set()))
    assert found.case == Case("mlp:MLP", 32, "float32", "momentum", False)
    assert "mlp:MLP, N = 32: cuDNN does not know this" in capsys.readouterr().err


def test_a_device_that_failed_is_not_asked_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="CUDA error"):
        check(["mlp"], Failing("CUDA error: an illegal memory access"), tmp_path / "gpu.jsonl", tmp_path / "gpu.md")


def test_a_gpu_is_read_as_pytorch_tells_its_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    """`memory_stats` flattens what its C++ part tells: kinds of bytes, pools, and of each the most since the last reset."""

    def told(device: object) -> dict[str, dict[str, dict[str, int]]]:
        kinds = ("requested_bytes", "allocated_bytes", "reserved_bytes")
        pools = ("all", "small_pool", "large_pool")
        return {
            kind: {
                pool: {"current": 0, "peak": 100 * i + j, "allocated": 7, "freed": 7} for j, pool in enumerate(pools)
            }
            for i, kind in enumerate(kinds, 1)
        }

    monkeypatch.setattr(torch.cuda.memory, "memory_stats_as_nested_dict", told)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: None)
    gpu = object.__new__(Gpu)
    gpu.device = torch.device("cuda")
    assert gpu.taken() == Taken(100, 200, 300)


def test_what_is_settled_before_is_told_in_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device that is a CPU: all is computed there, and what a GPU would tell is made up."""
    original = {name: getattr(torch, name) for name in ("ones", "randn")}
    for name, make in original.items():
        monkeypatch.setattr(torch, name, lambda *sizes, make=make, device=None, **rest: make(*sizes, **rest))
    monkeypatch.setattr(gpu_settle, "CONVOLUTIONS", ((3, 8, 3, 8),))
    for name in ("synchronize", "empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda: None)
    for name in ("memory_allocated", "max_memory_allocated", "memory_reserved"):
        monkeypatch.setattr(torch.cuda, name, lambda: 4096)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (100_000, 200_000))
    said = [*gpu_settle.settled()]
    assert said[0] == "cuBLAS keeps 0 bytes for the thread of forward, 0 for that of backward"
    assert said[1] == "outside the allocator: 95_904 bytes"
    assert len(said) == 6


def test_memory_that_ran_out_on_the_device_is_a_line() -> None:
    assert next(lines(["mlp"], Pretended(None), set())).measured is None


def test_bands_hold_what_is_inside_them() -> None:
    """With Adam, in bfloat16 autocast and with everything checkpointed."""
    net = published("resnet18")
    for settings in (
        TrainingSettings("adam"),
        TrainingSettings(precision="bf16-mixed"),
        TrainingSettings(checkpoint=("layer*.*",)),
    ):
        facts = Facts(net, 8).training(settings, kernels="cuda")
        found = cuda(facts)
        assert found.native.requested <= found.expandable.allocated <= found.native.allocated
        assert found.allocated.least < found.allocated.most <= found.reserved.most
        assert (
            abs(found.native.requested - facts.peak) <= 4 * 62 + 9 * 5056
        )  # counters and random states stay on the CPU


@pytest.mark.parametrize(
    "settings",
    [
        TrainingSettings("momentum"),
        TrainingSettings("sgd", zero_grad="late"),
        TrainingSettings("sgd", zero_grad="never"),
        TrainingSettings("momentum", accumulate=2),
        TrainingSettings("adam", implementation="fused", accumulate=2, freeze=("layer1",)),
    ],
)
def test_two_steps_ask_for_what_is_there_at_the_peak_of_one(settings: TrainingSettings) -> None:
    """Gradients that others are added to are there from the first pass on."""
    facts = Facts(published("resnet18"), 4).training(settings, kernels="cuda")
    assert cuda(facts).native.requested == facts.peak
