"""What `torch.export` is told of the sizes of a network: an open batch, and the open sizes of the spec."""

from __future__ import annotations

from typing import Any

from archdsl.ir import Domain, Network, Values, modules, open_size

LARGEST = 4096
"""No size below it: PyTorch takes a size of 1 for a case of its own, and refuses programs that may meet it somewhere."""


def dynamic_shapes(network: Network, domain: Domain) -> tuple[dict[int, Any], ...]:
    """For each input the axes that are open, as `torch.export.Dim`; one that is none there keeps the size of the example.

    Args:
        network: with its open sizes left open.
        domain: its symbols.
    """
    from torch.export import Dim

    sizes = {size for m in modules(network) for n in m.nodes for t in n.result_types for size in t.shape}
    formulas = [size for size in map(open_size, sizes) if size is not None]

    def least(name: str) -> int:
        """From where on no map is one row wide; 1 where that is nowhere."""
        own = [f for f in formulas if f.symbols == {name}]
        return next((n for n in range(1, LARGEST) if all(f.at({name: n}) > 1 for f in own)), 1)

    def dim(values: Values) -> Any:
        """`16 * Dim("H_16", min=11) + 12` where the sizes are so many rows apart; None where no `Dim` has these sizes alone."""
        steps = values.steps
        if steps is None:
            smallest, largest = values.values[0], values.values[-1]
            is_range = 1 < len(values.values) == largest - smallest + 1
            return Dim(values.name, min=smallest, max=largest) if is_range else None
        if len(steps.rests) > 1:
            return None
        first = max(steps.least, least(values.name))
        if steps.modulus == 1:
            return Dim(values.name, min=first)
        (rest,) = steps.rests
        counted = steps.modulus * Dim(f"{values.name}_{steps.modulus}", min=-((rest - first) // steps.modulus))
        return counted + rest if rest else counted

    batch = Dim("batch", min=1)
    dims = {name: dim(values) for name in domain.example if (values := domain.values(name)) is not None}
    open_axes = ({axis: dims.get(str(n)) for axis, n in enumerate(type.shape, 1)} for type in network.input_types)
    return tuple({0: batch, **{axis: found for axis, found in axes.items() if found is not None}} for axes in open_axes)
