"""What a network costs: parameters, MACs, values, neurons, connections and depth.

Conventions (the reference's page "Counting"): parameters are the trainable elements, a shared instance once; MACs are
the multiply-adds of convolutions, linear layers and products, for one sample; FLOPs are twice the MACs; values are the
elements of the inputs and of the results of weight layers, `subsample` and pools, the column that lectures sum;
connections are the uses of a weight or bias. All are exact. A module is counted once and its counts are reused for
every call of it.
"""

from archdsl.analyses.cost.backward import Wanted, totals, wanted, works
from archdsl.analyses.cost.cost import Cost, CostFacts, Counts, cost, op_cost

__all__ = ["Cost", "CostFacts", "Counts", "Wanted", "cost", "op_cost", "totals", "wanted", "works"]
