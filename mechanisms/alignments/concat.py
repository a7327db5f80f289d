"""e(s, h) = vᵀ tanh(W [s; h])

Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
(arXiv 1508.04025), eq. 8, "concat". With the halves of its matrix called W and U,
W [s; h] = W s + U h, so it is the additive score without its bias.
"""

from .alignment import ALIGNMENTS
from .tanh import MappedTanhAlignment


@ALIGNMENTS.register("concat")
class Concat(MappedTanhAlignment):
    compiles = True
