"""The faults: loss-mask mistakes that real projects had, each planted by one small function.

    with faults.plant("mask_one_late"): ...      # any training or gradient code inside has the fault

A fault's function takes the place of a function of minilm. It receives the original first, then the
arguments of the call. Its docstring says what goes wrong, then how to recognise the fault. A row of
dlogits is called lit if it carries gradient, and dark if it is zero.

They stand in the modules imported here, one after the other: that is their order in FAULTS.

Left out: tokenizers that merge across the boundary, since minilm's never merge (the mask would look like
mask_one_late), and means of means over several machines, which are mean_of_means once more.
"""

from . import masking, sequences, reductions, turns, packing, padding  # noqa: F401, I001  (the order of FAULTS)
from .planting import FAULTS, Fault, fault, plant, table  # noqa: F401
