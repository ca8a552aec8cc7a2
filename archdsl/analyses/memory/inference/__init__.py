"""What is alive while a network infers, in one type or under autocast."""

from archdsl.analyses.memory.inference.inference import inference
from archdsl.analyses.memory.inference.moments import InferenceFacts, Lifetime, Moment, lifetimes

__all__ = ["InferenceFacts", "Lifetime", "Moment", "inference", "lifetimes"]
