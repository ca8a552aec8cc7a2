"""How much of the input one output unit reads, on each spatial axis (Dumoulin & Visin 2016; Araujo, Norris & Sim 2019).

Convention: unit i reads the `size` rows that begin at row `start + i * stride`; a negative start lies in the padding.
A window of k rows, s apart, over units whose field is f rows at a stride of j has a field of f + (k - 1) j rows at a
stride of s j. Holes (dilation, a stride wider than the window) lie inside the field. Where paths join, the field is
the union of theirs; with `narrowest` it is that of the path that reads least. Padding between layers stands for the rows
behind it, so a unit at the border may be told a row that no window reads (`traced` says which are read); where a map is
padded with its own rows, mirrored or repeated, its units there are followed one by one. Every field has a status: exact,
the whole input, or a bound.
"""

from archdsl.analyses.receptive_field.axis import UnitRows, narrowest
from archdsl.analyses.receptive_field.composed import ComposedFields
from archdsl.analyses.receptive_field.field import Field, FieldFacts, FieldRow
from archdsl.analyses.receptive_field.run import first_map, receptive_field
from archdsl.analyses.receptive_field.traced import traced

__all__ = [
    "ComposedFields",
    "Field",
    "FieldFacts",
    "FieldRow",
    "UnitRows",
    "first_map",
    "narrowest",
    "receptive_field",
    "traced",
]
