"""What a GPU takes for the tensors of a training step: its allocator, its libraries, the largest batch that fits."""

from archdsl.analyses.memory.gpu.cuda import ANY, HISTORY, Band, CudaFacts, Profile, Taken, cuda, profile_of
from archdsl.analyses.memory.gpu.fit import FitFacts, Need, Needs, fit
from archdsl.analyses.memory.gpu.otherwise import Otherwise, otherwise
from archdsl.analyses.memory.gpu.played import TURNS_PLAYED, needs

__all__ = [
    "ANY",
    "HISTORY",
    "TURNS_PLAYED",
    "Band",
    "CudaFacts",
    "FitFacts",
    "Need",
    "Needs",
    "Otherwise",
    "Profile",
    "Taken",
    "cuda",
    "fit",
    "needs",
    "otherwise",
    "profile_of",
]
