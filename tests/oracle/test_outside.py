"""Networks outside the zoo: each holds together, has the figures published of it, and runs in PyTorch as archdsl says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from archdsl import load
from archdsl.analyses import Facts
from archdsl.backends.pytorch import build
from archdsl.pipeline import open_spec
from tests.support.lowered import sample

FOLDER = Path(__file__).parents[1] / "data" / "outside"
FILES = sorted(FOLDER.glob("*.arch"))

torch.set_num_threads(1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_holds_together_and_runs(path: Path) -> None:
    spec = open_spec(path)
    assert not spec.problems
    for checked in map(spec.check, spec.networks):
        assert checked.network is not None, checked.problems
        assert all(verdict.problem is None for verdict in checked.verdicts)
        facts = Facts(checked.network)
        module = build(checked.network, "meta")
        assert sum(p.numel() for p in module.parameters()) == facts.cost.training.params
        found = module.eval()(*(sample(t, 2).detach().to("meta") for t in checked.network.input_types))
        results = (found,) if isinstance(found, Tensor) else tuple(found)
        assert [tuple(t.shape[1:]) for t in results] == [facts.flat.types[v].shape for v in facts.flat.outputs]


def test_they_are_many() -> None:
    assert len(FILES) >= 50


def part_of(spec: str, name: str, **parameters: Any) -> Any:
    """The part of a network of the folder with sizes for a test, its weights drawn anew so that none is 0."""
    network = load(FOLDER / spec, **parameters).graph
    torch.manual_seed(0)
    module = build(network).eval().requires_grad_(False)
    for parameter in module.parameters():
        parameter.normal_(std=0.1)
    return module.get_submodule(name)


def test_the_mask_of_shifted_windows_keeps_regions_apart() -> None:
    """Each place is numbered by the region that it comes from, as Liu et al. 2021 and torchvision do it."""
    attention = part_of("swin.arch", "features.1.1.attn")
    region = torch.zeros(56, 56)
    bands = (slice(0, -7), slice(-7, -3), slice(-3, None))
    for number, (rows, columns) in enumerate((r, c) for r in bands for c in bands):
        region[rows, columns] = number
    windows = region.view(8, 7, 8, 7).transpose(1, 2).reshape(64, 49)
    hidden = windows.unsqueeze(1) != windows.unsqueeze(2)
    assert torch.equal(attention.mask, hidden.unsqueeze(1) * -100.0)
    steps = torch.stack(torch.meshgrid(torch.arange(7), torch.arange(7), indexing="ij")).flatten(1)
    apart = steps[:, :, None] - steps[:, None, :] + 6
    assert torch.equal(attention.relative_position_index, (13 * apart[0] + apart[1]).flatten())


@pytest.mark.parametrize("side, count", [("encoder", 64), ("decoder", 32)])
def test_t5_sorts_distances_into_buckets(side: str, count: int) -> None:
    """As Raffel et al. 2020, section 2.1, and Mesh TensorFlow say: half of the buckets exact, the others wider and wider."""
    buckets = part_of("t5.arch", f"{side}.bias").buckets
    apart = torch.arange(count)[None, :] - torch.arange(count)[:, None]
    number, offset = (16, (apart > 0) * 16) if side == "encoder" else (32, torch.zeros_like(apart))
    distance = apart.abs() if side == "encoder" else (-apart).clamp(min=0)
    exact = number // 2
    wide = exact + (torch.log(distance.clamp(min=1) / exact) / torch.log(torch.tensor(128 / exact)) * exact).long()
    expected = offset + torch.where(distance < exact, distance, wide.clamp(max=number - 1))
    assert torch.equal(buckets, expected)


def test_rotary_positions_turn_pairs_of_features() -> None:
    rope = part_of("llama.arch", "model.layers.0.self_attn.q_rope", depth=1, vocabulary=10)
    x = torch.randn(2, 64, 32, 64)
    angles = torch.outer(torch.arange(64.0), 10000 ** -(torch.arange(32) / 32))
    pairs = torch.complex(x[..., :32], x[..., 32:]) * torch.polar(torch.ones_like(angles), angles)[:, None]
    torch.testing.assert_close(rope(x), torch.cat([pairs.real, pairs.imag], -1), rtol=1e-4, atol=1e-5)


def test_the_scan_of_mamba_2_is_the_recurrence() -> None:
    """Dao & Gu 2024, equation 2, step by step."""
    mixer = part_of("mamba2.arch", "backbone.layers.0.mixer", depth=1, vocabulary=10, width=128, length=12)
    u = torch.randn(2, 12, 128)
    z, xbc, raw = mixer.in_proj(u).split([256, 512, 4], -1)
    mixed = F.conv1d(F.pad(xbc.transpose(1, 2), (3, 0)), mixer.conv1d.weight, mixer.conv1d.bias, groups=512)
    x, b, c = F.silu(mixed).transpose(1, 2).split([256, 128, 128], -1)
    rate = F.softplus(raw + mixer.dt_bias)
    values = x.view(2, 12, 4, 64)
    state, steps = torch.zeros(2, 4, 64, 128), []
    for t in range(12):
        decay = torch.exp(-mixer.A_log.exp() * rate[:, t])[:, :, None, None]
        state = decay * state + torch.einsum("nh,nhp,ns->nhps", rate[:, t], values[:, t], b[:, t])
        steps.append(torch.einsum("nhps,ns->nhp", state, c[:, t]) + mixer.D * values[:, t])
    y = mixer.norm(torch.stack(steps, 1).reshape(2, 12, 256) * F.silu(z))
    torch.testing.assert_close(mixer(u), mixer.out_proj(y), rtol=1e-4, atol=1e-5)


def test_a_spatial_transformer_samples_as_pytorch_does() -> None:
    net = part_of("stn.arch", "")
    image = torch.randn(3, 1, 28, 28)
    theta = net.fc_loc(net.localization(image).flatten(1)).view(3, 2, 3)
    x = F.grid_sample(image, F.affine_grid(theta, [3, 1, 28, 28], align_corners=False), align_corners=False)
    x = F.relu(F.max_pool2d(net.conv1(x), 2))
    x = F.relu(F.max_pool2d(net.conv2(x), 2)).flatten(1)
    expected = F.log_softmax(net.fc2(F.relu(net.fc1(x))), -1)
    torch.testing.assert_close(net(image), expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_goes_straight_past_a_quantizer() -> None:
    net = part_of("vqvae.arch", "").double().requires_grad_()
    image = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    z = net.pre(net.encoder(image))
    code = torch.cdist(z.detach().permute(0, 2, 3, 1).flatten(1, 2), net.codebook.weight[None]).argmin(-1)
    quantized = net.codebook.weight[code].view(2, 8, 8, 64).permute(0, 3, 1, 2)
    expected = net.decoder(z + (quantized - z).detach())
    found = net(image)
    torch.testing.assert_close(found, expected)
    weights = (net.pre.weight, net.codebook.weight)
    ours, theirs = (torch.autograd.grad(y.sum(), weights, allow_unused=True) for y in (found, expected))
    torch.testing.assert_close(ours[0], theirs[0])
    assert ours[1] is None


def test_capsules_agree_by_routing() -> None:
    """Sabour et al. 2017, procedure 1."""
    net = part_of("capsules.arch", "")
    image = torch.randn(2, 1, 28, 28)
    u = net.primary.get_submodule("0") if isinstance(net.primary, nn.Sequential) else net.primary
    s = u(F.relu(net.conv1(image))).view(2, 32, 8, 36).transpose(2, 3).reshape(2, 1152, 8)
    votes = torch.einsum("ijoc,nic->nijo", net.digits.W, squash(s))
    logits = torch.zeros(2, 1152, 10)
    for _ in range(3):
        v = squash((logits.softmax(-1)[..., None] * votes).sum(1))
        logits = logits + (votes * v[:, None]).sum(-1)
    torch.testing.assert_close(net(image), v.norm(dim=-1), rtol=1e-3, atol=1e-5)


def squash(s: Tensor) -> Tensor:
    length = s.norm(dim=-1, keepdim=True)
    return s * length / (1 + length**2)


def test_sparsemax_projects_onto_the_simplex() -> None:
    """The nearest point of non-negative numbers whose sum is 1, found by halving the interval of the threshold."""
    sparsemax = part_of("tabnet.arch", "2")
    torch.manual_seed(1)
    scores = 2 * torch.randn(5, 16, dtype=torch.float64)
    low, high = scores.amin(1, keepdim=True) - 1, scores.amax(1, keepdim=True)
    for _ in range(60):
        middle = (low + high) / 2
        is_low = (scores - middle).clamp(min=0).sum(1, keepdim=True) > 1
        low, high = torch.where(is_low, middle, low), torch.where(is_low, high, middle)
    expected = (scores - low).clamp(min=0)
    assert torch.allclose(sparsemax(scores.float()), expected.float(), atol=1e-5)


def test_parallel_retention_is_the_recurrence() -> None:
    """Sun et al. 2023: equation 5 gives what equation 6 gives step by step."""
    retention = part_of("retnet.arch", "1")
    torch.manual_seed(1)
    x = torch.randn(2, 64, 256)
    q, k, v = (f(x).view(2, 64, 4, 64) for f in (retention.q, retention.k, retention.v))
    decay = (1 - 2.0 ** (-5 - torch.arange(4.0))).view(1, 4, 1, 1)
    state, steps = torch.zeros(2, 4, 64, 64), []
    for t in range(64):
        state = decay * state + torch.einsum("bhd,bhe->bhde", k[:, t] / 8, v[:, t])
        steps.append(torch.einsum("bhd,bhde->bhe", q[:, t], state))
    normed = F.layer_norm(torch.stack(steps, 1), (64,)).flatten(2)
    expected = retention.out(F.silu(retention.g(x)) * normed)
    assert torch.allclose(retention(x), expected, atol=1e-3, rtol=1e-3)


def test_the_modes_of_a_row_are_those_of_its_fourier_transform() -> None:
    """Li et al. 2021: the first modes are multiplied by complex weights, the others are 0."""
    spectral = part_of("fno.arch", "1")
    torch.manual_seed(1)
    x = torch.randn(2, 32, 64)
    modes = torch.fft.rfft(x)
    kept = torch.einsum("bim,iom->bom", modes[..., :8], torch.complex(spectral.real, spectral.imag))
    expected = torch.fft.irfft(torch.cat([kept, torch.zeros(2, 32, 25)], -1), n=64)
    assert torch.allclose(spectral(x), expected, atol=1e-5)


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (1, 0), (-1, 2)])
def test_a_deformed_window_is_read_where_its_offsets_lead(rows: int, columns: int) -> None:
    """The same whole number of pixels for all: a convolution of the image that is moved, which holds zeros outside."""
    deformable = part_of("deformable.arch", "first")
    deformable.offset.weight.zero_()
    deformable.offset.bias.copy_(torch.tensor([columns, rows]).repeat(9))
    torch.manual_seed(1)
    x = torch.randn(2, 16, 8, 8)
    moved = F.pad(x, (4, 4, 4, 4))[..., 3 + rows : 13 + rows, 3 + columns : 13 + columns]
    weight = deformable.mix.weight.view(32, 9, 16).transpose(1, 2).reshape(32, 16, 3, 3)
    assert torch.allclose(deformable(x), F.conv2d(moved, weight, deformable.mix.bias), atol=1e-5)
