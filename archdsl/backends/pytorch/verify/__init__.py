"""What archdsl says of a network, compared with what PyTorch does when the compiled module runs.

    from archdsl.backends.pytorch.verify import verify

The truth is PyTorch's: forward hooks, `state_dict`, `FlopCounterMode`, hooks on saved tensors, storages alive, gradients.
"""

from archdsl.backends.pytorch.verify.checks import Verified, has_device, verify
from archdsl.backends.pytorch.verify.text import spec_text

__all__ = ["Verified", "has_device", "spec_text", "verify"]
