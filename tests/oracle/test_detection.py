"""Detectors: the operators against their definitions in plain Python, and Faster R-CNN from the image to its boxes."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor

from archdsl.analyses import Facts
from archdsl.backends.pytorch import build
from archdsl.elaborate import Settings
from archdsl.ir import Network, TensorType
from archdsl.pipeline import open_spec
from tests.oracle.test_ops_values import apply
from tests.support.calls import op_of
from tests.support.live import activation_peak, saved_bytes
from tests.support.lowered import lowered, results

torch.set_num_threads(1)
SPEC = Path(__file__).parents[2] / "specs" / "faster_rcnn.arch"
Box = list[float]


def random_boxes(random: Random, count: int, side: float) -> list[Box]:
    found = []
    for _ in range(count):
        x, y = random.uniform(-5, side), random.uniform(-5, side)
        found.append([x, y, x + random.uniform(0.2, side / 2), y + random.uniform(0.2, side / 2)])
    return found


def overlap(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    both = sum(areas) - shared
    return shared / both if both else 0


def suppressed(boxes: list[Box], scores: list[float], most: float, groups: list[int] | None = None) -> list[int]:
    """Greedy: Girshick et al. 2014, section 2.2."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        alike = (k for k in kept if groups is None or groups[k] == groups[i])
        if all(overlap(boxes[i], boxes[k]) <= most for k in alike):
            kept.append(i)
    return kept


@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("count", [3, 12, 50])
def test_nms_keeps_what_no_better_box_covers(count: int, groups: bool) -> None:
    random = Random(count)
    boxes = [random_boxes(random, 40, 30) for _ in range(3)]
    scores = [[random.random() for _ in range(40)] for _ in boxes]
    levels = [[random.randrange(3) for _ in range(40)] for _ in boxes] if groups else None
    expected = []
    for i, (own, by) in enumerate(zip(boxes, scores, strict=True)):
        kept = suppressed(own, by, 0.3, None if levels is None else levels[i])
        expected.append((kept + kept[:1] * count)[:count])
    extra = () if levels is None else (torch.tensor(levels),)
    shapes = "[40, 4], [40]" + ", int64 [40]" * groups
    found = apply(f"nms({count}, 0.3)", torch.tensor(boxes), torch.tensor(scores), *extra, shapes=shapes)
    assert found.tolist() == expected


def between(x: Tensor, row: float, column: float) -> Tensor:
    """The value between four pixels; outside of the map by more than a pixel it is 0 (He et al. 2017, section 3)."""
    height, width = x.shape[1:]
    if not (-1 <= row <= height and -1 <= column <= width):
        return x.new_zeros(len(x))
    row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
    top, left = math.floor(row), math.floor(column)
    below, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, over = row - top, column - left
    upper = x[:, top, left] * (1 - over) + x[:, top, right] * over
    lower = x[:, below, left] * (1 - over) + x[:, below, right] * over
    return upper * (1 - down) + lower * down


def aligned_region(x: Tensor, box: Box, size: tuple[int, int], stride: int, samples: int, aligned: bool) -> Tensor:
    left, top, right, bottom = (side / stride - (0.5 if aligned else 0) for side in box)
    least = 0 if aligned else 1
    height, width = max(bottom - top, least) / size[0], max(right - left, least) / size[1]
    found = x.new_zeros(len(x), *size)
    for i, j, down, over in product(range(size[0]), range(size[1]), range(samples), range(samples)):
        row, column = (start + (at + 0.5) / samples for start, at in ((i, down), (j, over)))
        found[:, i, j] += between(x, top + row * height, left + column * width) / samples**2
    return found


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(("size", "samples"), [((7, 7), 2), ((2, 3), 1), ((1, 4), 3)])
def test_roi_align_is_its_definition(size: tuple[int, int], samples: int, aligned: bool) -> None:
    torch.manual_seed(0)
    random = Random(samples)
    maps, boxes = torch.randn(2, 3, 9, 12), [random_boxes(random, 6, 60) for _ in range(2)]
    boxes[0][0] = [0.0, 0.0, 48.0, 36.0]
    flag = ", aligned=true" if aligned else ""
    call = f"roi_align({list(size)}, 4, samples={samples}{flag})"
    found = apply(call, torch.tensor(boxes), maps, shapes="[6, 4], [3, 9, 12]")
    expected = [
        torch.stack([aligned_region(x, box, size, 4, samples, aligned) for box in own])
        for x, own in zip(maps, boxes, strict=True)
    ]
    torch.testing.assert_close(found, torch.stack(expected), atol=2e-5, rtol=1e-5)


def test_boxes_are_read_from_the_map_of_their_scale() -> None:
    """Lin et al. 2017, equation 1, with k0 = 4: a side of 224 belongs to the map of stride 16."""
    maps = [torch.full((1, 1, 2048 // stride, 2048 // stride), float(stride)) for stride in (4, 8, 16, 32)]
    sides = (10, 111, 112, 223, 224, 447, 448, 1500)
    boxes = torch.tensor([[[8.0, 8.0, 8.0 + side, 8.0 + side] for side in sides]])
    shapes = ", ".join(["[8, 4]", *(f"[1, {m.shape[-1]}, {m.shape[-1]}]" for m in maps)])
    found = apply("roi_align(1, 4)", boxes, *maps, shapes=shapes)
    assert found.flatten().tolist() == [4, 4, 8, 8, 16, 16, 32, 32]


def test_anchors_are_those_of_the_reference() -> None:
    """torchvision's `AnchorGenerator(((32,),), ((0.5, 1.0, 2.0),))` around each place, row by row."""
    base = [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]]
    found = apply("anchors(32, [0.5, 1, 2], 8)", torch.zeros(2, 5, 2, 3), shapes="[5, 2, 3]")
    places = [(8 * x, 8 * y) for y in range(2) for x in range(3)]
    assert found.tolist() == [[a + x, b + y, c + x, d + y] for x, y in places for a, b, c, d in base]


def test_the_best_rows_of_each_sample() -> None:
    scores = torch.tensor([[1.0, 5.0, 3.0, 4.0], [9.0, 8.0, 7.0, 6.0]])
    rows = torch.arange(24.0).reshape(2, 4, 3)
    best, places = results(lowered(op_of("topk(2)"), TensorType((4,)), form="function"), (scores,))
    assert best.tolist() == [[5, 4], [9, 8]] and places.tolist() == [[1, 3], [0, 1]]
    found = apply("take", rows, places, shapes="[4, 3], int64 [2]")
    assert found.tolist() == [[[3, 4, 5], [9, 10, 11]], [[12, 13, 14], [15, 16, 17]]]
    clipped = apply(
        "clip_boxes", torch.tensor([[[-3.0, 2, 99, 9]]]), torch.zeros(1, 3, 7, 50), shapes="[1, 4], [3, 7, 50]"
    )
    assert clipped.tolist() == [[[0, 2, 50, 7]]]


def small(count: int = 12) -> Network:
    """Faster R-CNN on images of 64 by 96."""
    checked = open_spec(SPEC).check("FasterRCNN", Settings({"height": 64, "width": 96, "P": count}))
    network = checked.network
    assert network is not None, checked.problems
    return network


def moved(anchor: Box, delta: Box) -> Box:
    """Ren et al. 2015, equation 2, within an image of 64 by 96."""
    sides = anchor[2] - anchor[0], anchor[3] - anchor[1]
    found = []
    for sign, axis in product((-1, 1), (0, 1)):
        centre = anchor[axis] + sides[axis] / 2 + delta[axis] * sides[axis]
        half = sides[axis] * math.exp(min(delta[2 + axis], math.log(1000 / 16))) / 2
        found.append(min(max(centre + sign * half, 0), (96, 64)[axis]))
    return found


def anchors_of(level: int, height: int, width: int) -> list[Box]:
    size, stride = 32 * 2**level, 4 * 2**level
    halves = [(round(size / r**0.5 / 2), round(size * r**0.5 / 2)) for r in (0.5, 1, 2)]
    places = ((stride * x, stride * y) for y in range(height) for x in range(width))
    return [[x - w, y - h, x + w, y + h] for x, y in places for w, h in halves]


@torch.no_grad()
def test_proposals_are_the_best_boxes_of_all_scales() -> None:
    """From the scores and moves of all anchors to the regions that are kept, in plain Python."""
    torch.manual_seed(0)
    module = build(small()).eval()
    for name, parameter in module.named_parameters():
        if name.startswith("rpn.head.bbox_pred"):
            parameter.mul_(40)
    objectness, deltas, regions, scores, boxes = module(torch.rand(2, 3, 64, 96))
    assert scores.shape == (2, 12, 91) and boxes.shape == (2, 12, 364)
    maps = [(16, 24), (8, 12), (4, 6), (2, 3), (1, 2)]
    for sample in range(2):
        by, own = objectness[sample, :, 0].tolist(), deltas[sample].tolist()
        chosen: list[tuple[float, Box, int]] = []
        start = 0
        for level, (height, width) in enumerate(maps):
            around = anchors_of(level, height, width)
            ranked = sorted(range(len(around)), key=lambda i, start=start: -by[start + i])[:1000]  # type: ignore[misc]
            chosen += [(by[start + i], moved(around[i], own[start + i]), level) for i in ranked]
            start += len(around)
        kept = suppressed([c[1] for c in chosen], [c[0] for c in chosen], 0.7, [c[2] for c in chosen])[:12]
        expected = torch.tensor([chosen[i][1] for i in kept])
        torch.testing.assert_close(regions[sample], expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("batch", [1, 2])
def test_the_memory_of_a_detector_is_the_real_one(batch: int) -> None:
    network = small()
    module, facts = build(network), Facts(network, batch)
    image = torch.rand(batch, 3, 64, 96)
    assert saved_bytes(module, image) == facts.memory.saved.bytes
    assert activation_peak(module, image) == facts.memory.activation_peak


def test_what_is_kept_grows_with_the_regions() -> None:
    """Of each: where its points are, 4 to a cell of 4 maps; what is pooled; what the two layers make."""
    kept = [Facts(small(count)).memory.saved.bytes for count in (100, 101, 200)]
    own = 4 * (4 * 4 * 7 * 7 * 2 + 256 * 7 * 7 + 1024 + 1024)
    assert [k - kept[0] for k in kept] == [0, own, 100 * own]


def test_maps_learn_from_regions_and_boxes_do_not() -> None:
    module = build(small())
    *_, scores, boxes = module(torch.rand(1, 3, 64, 96))
    (scores.sum() + boxes.sum()).backward()
    reached = {name.split(".")[0] for name, p in module.named_parameters() if p.grad is not None}
    assert reached == {"backbone", "roi_heads"}
