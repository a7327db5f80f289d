"""t / base^(2i/w), the angle of position t in the i-th of w/2 pairs of columns

The sinusoidal and the rotary scheme use it. Vaswani et al. 2017 (arXiv 1706.03762), section 3.5.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def angles(position: Int[Tensor, "n"], width: int, base: float = 10000.0) -> Float[Tensor, "n pairs"]:
    """Return the angles in float64: in float32 the angle of position 100 000 would be wrong by up to 0.004.

    They are computed at each call: a buffer would be rounded with the module, and a cache would break torch.compile.
    """
    # Apple's GPUs have no float64.
    dtype = torch.float32 if position.device.type == "mps" else torch.float64
    column = torch.arange(0, width, 2, dtype=dtype, device=position.device)
    return position.to(dtype)[:, None] * base ** (-column / width)
