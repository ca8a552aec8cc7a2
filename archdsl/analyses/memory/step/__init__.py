"""One training step, played operator by operator: what is made, kept and freed when."""

from archdsl.analyses.memory.step.inferring import Passed, Seen, infer
from archdsl.analyses.memory.step.ledger import Event
from archdsl.analyses.memory.step.loss import loss_of
from archdsl.analyses.memory.step.optimizer import COUNTER, RULES, copies_kept, state_bytes
from archdsl.analyses.memory.step.played import Played
from archdsl.analyses.memory.step.recompute import buffers, learns, naming, not_checkpointed
from archdsl.analyses.memory.step.step import play

__all__ = [
    "COUNTER",
    "RULES",
    "Event",
    "Passed",
    "Played",
    "Seen",
    "buffers",
    "copies_kept",
    "infer",
    "learns",
    "loss_of",
    "naming",
    "not_checkpointed",
    "play",
    "state_bytes",
]
