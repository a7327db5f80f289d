from .position import POSITIONS, Position


@POSITIONS.register("none")
class NoPosition(Position):
    """p(t) = 0: positions are not encoded

    A causal mask alone allows a Transformer to learn positions.

    Source: Haviv et al. 2022, "Transformer language models without positional encodings still learn positional
    information" (arXiv 2203.16634).
    """
