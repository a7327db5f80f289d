from .alignment import ALIGNMENTS
from .tanh import MappedTanhAlignment


@ALIGNMENTS.register("concat")
class Concat(MappedTanhAlignment):
    """e(s, h) = vᵀ tanh(W [s; h])

    With the two halves of its matrix called W and U, W [s; h] = W s + U h. So it is the additive score without a bias.

    Source: Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
    (arXiv 1508.04025), section 3.1, "concat".
    """
