"""What a network holds in memory: the lectures' table, the peak of inference, and what training keeps for backward.

Conventions that are never mixed; every figure names its own:

- `lecture`: 4 bytes for each value of the inputs and of the results of weight layers, `subsample` and pools. Exact by
  definition.
- `tensor bytes`: the storages that PyTorch's tensors hold between operators on a CPU, when the module that
  `archdsl compile` writes runs with the batch given: no rounding by an allocator, no workspaces of kernels. Exact.
  A peak is that of inference. Its lifetimes are those of the generated code: a call holds its operands while it runs,
  a name is dropped at its last use, activations run in place where storage says so.
- `CUDA allocated` and `CUDA reserved`: what a model of PyTorch's caching allocator makes of these tensors, with a band for what
  kernels take besides. Estimates, which were not measured on a GPU.
- `floor`: the same storages if each lived from its first to its last use only, as no frame of a call held it. A bound
  from below for any code that runs these operators in this order.
"""

from archdsl.analyses.memory.formulas import NO_FORMULAS, Formula, MemoryFormulas, in_pages, memory_formulas
from archdsl.analyses.memory.gpu import (
    ANY,
    HISTORY,
    TURNS_PLAYED,
    Band,
    CudaFacts,
    FitFacts,
    Need,
    Needs,
    Otherwise,
    Profile,
    Taken,
    cuda,
    fit,
    needs,
    otherwise,
    profile_of,
)
from archdsl.analyses.memory.inference import InferenceFacts, Lifetime, Moment, inference, lifetimes
from archdsl.analyses.memory.lecture import LectureFacts, LectureRow
from archdsl.analyses.memory.levels import Level, level_paths, levels
from archdsl.analyses.memory.memory import FIGURES, MemoryFacts
from archdsl.analyses.memory.play import Block
from archdsl.analyses.memory.saved import SavedFacts, saved, saved_under_autocast
from archdsl.analyses.memory.settings import (
    MIXED,
    PHASES,
    PLAIN,
    Arithmetic,
    Autocaster,
    Kernels,
    LossName,
    OptimizerName,
    Phase,
    Precision,
    TrainingSettings,
    arithmetic_of,
    check_autocast,
    settings_in,
    settings_of,
    settings_on_gpu,
)
from archdsl.analyses.memory.size import FloatType, Size, Storage
from archdsl.analyses.memory.step import buffers, copies_kept, naming, not_checkpointed
from archdsl.analyses.memory.training import Simulation, TrainingFacts, largest_batch, simulate

__all__ = [
    "ANY",
    "FIGURES",
    "HISTORY",
    "MIXED",
    "NO_FORMULAS",
    "PHASES",
    "PLAIN",
    "TURNS_PLAYED",
    "Arithmetic",
    "Autocaster",
    "Band",
    "Block",
    "CudaFacts",
    "FitFacts",
    "FloatType",
    "Formula",
    "InferenceFacts",
    "Kernels",
    "LectureFacts",
    "LectureRow",
    "Level",
    "Lifetime",
    "LossName",
    "MemoryFacts",
    "MemoryFormulas",
    "Moment",
    "Need",
    "Needs",
    "OptimizerName",
    "Otherwise",
    "Phase",
    "Precision",
    "Profile",
    "SavedFacts",
    "Simulation",
    "Size",
    "Storage",
    "Taken",
    "TrainingFacts",
    "TrainingSettings",
    "arithmetic_of",
    "buffers",
    "check_autocast",
    "copies_kept",
    "cuda",
    "fit",
    "in_pages",
    "inference",
    "largest_batch",
    "level_paths",
    "levels",
    "lifetimes",
    "memory_formulas",
    "naming",
    "needs",
    "not_checkpointed",
    "otherwise",
    "profile_of",
    "saved",
    "saved_under_autocast",
    "settings_in",
    "settings_of",
    "settings_on_gpu",
    "simulate",
]
