"""The generated code run in PyTorch: it is the network of the spec, and of the published module."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archdsl.analyses import Facts
from archdsl.analyses.storage import StorageFacts
from archdsl.backends.pytorch import build
from archdsl.backends.pytorch.code.names import SEQUENTIAL_ATTRIBUTES
from archdsl.ir import MODULE_ATTRIBUTES, Network, flatten
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source
from tests.support.build import bottleneck, finish, image, network, op, resnet, sequence, two_towers, vgg16
from tests.support.live import activation_peak, saved_bytes
from tests.support.lowered import tensors
from tests.support.random_networks import random_network

torch.set_num_threads(1)
SPECS = Path(__file__).parents[2] / "specs"
SEEDS = range(30)
NOTHING_IN_PLACE = StorageFacts(frozenset())


def inputs(net: Network, batch: int = 2, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(batch, *t.shape, dtype=dtype, requires_grad=True) for t in net.input_types]


SMALL: dict[str, Callable[[], Network]] = {
    "vgg16": lambda: vgg16(size=32, width=8, hidden=16, classes=10),
    "alexnet": lambda: two_towers(width=8, classes=10),
    "resnet": lambda: resnet((2, 1, 3), size=32, base=8, classes=10),
    **{f"random{seed}": partial(random_network, seed) for seed in SEEDS},
}


@pytest.fixture(params=SMALL, scope="module")
def net(request: pytest.FixtureRequest) -> Network:
    return SMALL[request.param]()


class HandWrittenVGG16(nn.Module):
    """Configuration D of Simonyan & Zisserman 2015, Table 1, as one would write it without torchvision."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList()
        channels = 3
        for width in (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512):
            self.convs.append(nn.Conv2d(channels, width, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)))
            channels = width
        self.dense = nn.ModuleList([nn.Linear(512 * 49, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)])

    def forward(self, x: Tensor) -> Tensor:
        for number, conv in enumerate(self.convs, 1):
            x = torch.relu(conv(x))
            if number in (2, 4, 7, 10, 13):
                x = torch.max_pool2d(x, kernel_size=2, stride=2)
        x = x.reshape(len(x), -1)
        return self.dense[2](torch.relu(self.dense[1](torch.relu(self.dense[0](x)))))


def spec(file: str, name: str) -> Network:
    """A network of the project's own specs."""
    found = open_spec(SPECS / file).check(name).network
    assert found is not None
    return found


def test_vgg16_equals_a_hand_written_reference() -> None:
    module, reference = build(spec("vgg16.arch", "VGG16")).eval(), HandWrittenVGG16().eval()
    reference.load_state_dict(dict(zip(reference.state_dict(), module.state_dict().values(), strict=True)))
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(module(x), reference(x))


def test_a_step_of_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    module = build(vgg16(size=32, width=4, hidden=32, classes=10))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    x, target = torch.randn(4, 3, 32, 32), torch.arange(4)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_modules_are_what_the_graph_says(net: Network) -> None:
    module = build(net)
    check_state(module, net)
    check_shapes(module, net, *inputs(net))


def check_state(module: nn.Module, net: Network) -> None:
    """Parameters and buffers have the names, shapes and order of the graph."""
    expected = [
        (f"{layer.path}.{state.name}", state.shape)
        for layer in flatten(net, training=True).layers
        if not layer.is_reuse
        for state in layer.op.state(*layer.operand_types)
    ]
    assert [(k, tuple(v.shape)) for k, v in module.state_dict().items()] == expected


def check_shapes(module: nn.Module, net: Network, *given: Tensor) -> None:
    """Every child module has a path of the graph, and gives results of the shapes there."""
    flat = flatten(net)
    seen: dict[str, list[tuple[int, ...]]] = {}

    def note(path: str) -> Any:
        def hook(_: nn.Module, __: Any, out: Any) -> None:
            seen.setdefault(path, [tuple(t.shape[1:]) for t in tensors(out)])

        return hook

    hooks = [child.register_forward_hook(note(path)) for path, child in module.named_modules() if path]
    found = tensors(module(*given))
    assert len(hooks) == len(seen)
    assert seen == {path: [flat.types[v].shape for v in flat.paths[path]] for path in seen}
    assert [tuple(t.shape[1:]) for t in found] == [flat.types[v].shape for v in flat.outputs]


def test_running_in_place_changes_nothing(net: Network) -> None:
    """Outputs and gradients equal those of code that never overwrites anything."""
    careful = build(net, dtype=torch.float64, facts=NOTHING_IN_PLACE)
    module = build(net, dtype=torch.float64)
    module.load_state_dict(careful.state_dict())
    for mode in (True, False):
        found = [_outputs_and_gradients(m.train(mode), net) for m in (careful, module)]
        for expected, actual in zip(*found, strict=True):
            torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def _outputs_and_gradients(module: nn.Module, net: Network) -> list[Tensor]:
    given = inputs(net, dtype=torch.float64)
    torch.manual_seed(2)
    outputs = tensors(module(*given))
    kept = [o.detach().clone() for o in outputs]
    module.zero_grad()
    if any(o.requires_grad for o in outputs):
        torch.stack([(o * o.detach().cos()).sum() for o in outputs]).sum().backward()
    gradients = [t.grad for t in (*given, *module.parameters()) if t.grad is not None]
    return kept + gradients


def test_the_comparison_would_notice_a_wrong_decision() -> None:
    """With every activation that offers it in place, PyTorch refuses or computes something else for many networks."""
    noticed = 0
    for seed in SEEDS:
        net = random_network(seed)
        activations = [x for x in flatten(net).layers if x.op.category == "activation"]
        offered = {x.node for x in activations if x.op.saved_in_place(x.operand_types, x.result_types) is not None}
        careful = build(net, dtype=torch.float64, facts=NOTHING_IN_PLACE)
        reckless = build(net, dtype=torch.float64, facts=StorageFacts(frozenset(offered)))
        reckless.load_state_dict(careful.state_dict())
        expected = _outputs_and_gradients(careful, net)
        try:
            found = _outputs_and_gradients(reckless, net)
        except RuntimeError:
            noticed += 1
        else:
            noticed += not all(map(torch.equal, found, expected))
    assert noticed > len(SEEDS) // 3


def test_names_are_given_up_so_that_the_peak_is_the_predicted_one(net: Network) -> None:
    expected = Facts(net, 2).memory.activation_peak
    assert activation_peak(build(net), *inputs(net)) == expected


def test_what_is_kept_for_backward_is_the_predicted(net: Network) -> None:
    expected = Facts(net, 2).memory.saved.bytes
    assert saved_bytes(build(net), *(x.detach() for x in inputs(net))) == expected


def auxiliary() -> Network:
    body, (x,) = network("Aux", image(3, 8))
    x = body.chain(x, ("conv1", op("conv", 8, 3)), op("relu"))
    head = body.group("head", x, op("avgpool", "global"), op("flatten"), op("linear", 5), training=True)
    x = body.chain(x, ("conv2", op("conv", 4, 3)), op("flatten"), ("fc", op("linear", 5)))
    return finish(body, ("logits", x), ("aux", head), training=("aux",))


def test_training_parts_run_only_while_training() -> None:
    module = build(auxiliary())
    x = torch.randn(2, 3, 8, 8)
    both = module(x)
    assert type(both).__name__ == "AuxOutput" and both._fields == ("logits", "aux")
    assert both.logits.shape == both.aux.shape == (2, 5)
    torch.testing.assert_close(module.eval()(x), both.logits)


@pytest.mark.parametrize("seed", SEEDS)
def test_training_parts_change_nothing_else(seed: int) -> None:
    net = random_network(seed, training=True)
    careful = build(net, dtype=torch.float64, facts=NOTHING_IN_PLACE)
    module = build(net, dtype=torch.float64)
    module.load_state_dict(careful.state_dict())
    found = [_outputs_and_gradients(m, net) for m in (careful, module)]
    for expected, actual in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)
    assert [t.shape[1:] for t in tensors(module.eval()(*inputs(net, dtype=torch.float64)))] == [
        o.value.type.shape for o in net.outputs if not o.training
    ]


def test_several_inputs_and_outputs() -> None:
    body, (left, right) = network("Siamese", ("left", image(1, 12)), ("right", image(1, 12)))
    tower = bottleneck(image(1, 12), 2)
    a, b = (body.one(tower, side, label="tower") for side in (left, right))
    difference = body.one(op("subtract"), a, b)
    module: Any = build(finish(body, ("difference", difference), ("a", a))).eval()
    x, y = torch.randn(2, 1, 1, 12, 12)
    found = module(left=x, right=y)
    torch.testing.assert_close(found.difference, module.tower(x) - module.tower(y))
    torch.testing.assert_close(found.a, module.tower(x))
    assert {name.split(".")[0] for name in module.state_dict()} == {"tower"}


BOUND = """
block scaled(gain: tensor, bias: tensor) { multiply(gain) -> add(bias) }
block residual(f: layer) { add { | identity | linear(4) -> f } }
block twice(f: layer, skip: tensor) { residual(f) -> residual(f) -> add(skip) }
network A {
  input x: [4]
  input p: [4]
  x -> tanh as q
  x -> residual(scaled(p, q)) -> twice(scaled(bias=p, gain=q), p)
  again: { twice(scaled(p, q), q) }
}
"""


def test_tensors_bound_to_layers_are_read_where_they_were_bound() -> None:
    net = open_source(Source("a.arch", BOUND), Path()).check("A").network
    assert net is not None
    module = build(net)
    linears = [m for m in module.modules() if isinstance(m, nn.Linear)]

    def residual(x: Tensor, by: Tensor, bias: Tensor) -> Tensor:
        return x + (linears.pop(0)(x) * by + bias)

    x, p = inputs(net)
    q = x.tanh()
    y = residual(x, p, q)
    y = residual(residual(y, q, p), q, p) + p
    y = residual(residual(y, p, q), p, q) + q
    torch.testing.assert_close(module(x, p), y)
    assert not linears


def test_copies_and_pickles(net: Network) -> None:
    module = build(net).eval()
    given = inputs(net)
    fresh = build(net).eval()
    fresh.load_state_dict(module.state_dict())
    expected = tensors(module(*given))
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), fresh):
        assert all(map(torch.equal, tensors(other(*given)), expected))


def test_tracebacks_show_the_generated_lines() -> None:
    module = build(sequence(("fc", op("linear", 3)), op("relu"), input=image(2, 4)))
    with pytest.raises(RuntimeError) as caught:
        module(torch.randn(1, 2, 4, 5))
    assert "x = self.fc(x)" in "".join(traceback.format_exception(caught.value))


def test_the_names_that_children_cannot_have_are_those_of_torch() -> None:
    module, sequential = ({n for n in dir(kind()) if not n.startswith("__")} for kind in (nn.Module, nn.Sequential))
    assert module <= MODULE_ATTRIBUTES
    assert sequential - module <= SEQUENTIAL_ATTRIBUTES


def test_device_and_dtype() -> None:
    module = build(sequence(("fc", op("linear", 3)), input=image(2, 4)), "meta", torch.bfloat16)
    assert {(p.device.type, p.dtype) for p in module.parameters()} == {("meta", torch.bfloat16)}
