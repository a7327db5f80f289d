"""y_t = b + Σ_j w_j ⊙ x_{t-k+j}, j = 1 … k, with x_t = 0 before the first position: a causal depthwise convolution

It is applied before the recurrence in Mamba (arXiv 2312.00752) and Gated DeltaNet (arXiv 2412.06464), with k = 4.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ShortConvolution(nn.Module):
    """Its state is the last k - 1 inputs."""

    def __init__(self, channels: int, size: int = 4, *, bias: bool = True) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"the size of the convolution must be at least 1, not {size}")
        # Torch's initialisation of a depthwise convolution, which the code of both papers uses. Mamba's code leaves the
        # bias at torch's draw, too; here it starts at zero, like all biases.
        self.weight = nn.Parameter(torch.empty(size, channels).uniform_(-(size**-0.5), size**-0.5))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x: Float[Tensor, "b n c"]) -> tuple[Float[Tensor, "b n c"], Float[Tensor, "b m c"]]:
        n = x.shape[1]
        padded = nn.functional.pad(x, (0, 0, self.weight.shape[0] - 1, 0))
        y = padded[:, :n] * self.weight[0]
        if self.bias is not None:
            y = y + self.bias
        for j in range(1, self.weight.shape[0]):
            y = torch.addcmul(y, padded[:, j : j + n], self.weight[j])
        return y, padded[:, n:]

    def step(
        self, x: Float[Tensor, "b c"], state: Float[Tensor, "b m c"]
    ) -> tuple[Float[Tensor, "b c"], Float[Tensor, "b m c"]]:
        window = torch.cat([state, x[:, None]], dim=1)
        y = (window * self.weight).sum(1)
        return (y if self.bias is None else y + self.bias), window[:, 1:]
