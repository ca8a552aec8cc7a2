from __future__ import annotations

from archdsl.analyses.memory.inference.courses import composed
from archdsl.analyses.memory.inference.moments import InferenceFacts
from archdsl.analyses.memory.inference.under_autocast import InferenceUnderAutocast
from archdsl.analyses.memory.settings import Arithmetic
from archdsl.analyses.memory.size import Storage
from archdsl.ir import Network


def inference(network: Network, storage: Storage, batch: int, arithmetic: Arithmetic) -> InferenceFacts:
    """Plays a network for a batch."""
    if arithmetic.is_mixed:
        return InferenceUnderAutocast(network, storage, arithmetic, batch)
    return composed(network, storage, batch, arithmetic.dtype)
