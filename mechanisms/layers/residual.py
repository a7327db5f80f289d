"""Residual connections around the parts of a block: y = x + f(x), with a layer normalisation (LN)."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from registry import Registered, Registry


class Residual(nn.Module, Registered, ABC):
    """Gives a part f its input, and adds what f returns."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    @abstractmethod
    def before(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Return the input of f."""

    @abstractmethod
    def after(self, x: Float[Tensor, "*b d"], change: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Return the output, given the output `change` of f."""

    def final(self) -> nn.Module:
        """Return the normalisation after the last block of a stack."""
        return nn.Identity()


NORMS = Registry[Residual]("norm", positional=1)


@NORMS.register("pre")
class PreNorm(Residual):
    """y = x + f(LN(x)), with one more LN after the last block

    Source: Xiong et al. 2020, "On layer normalization in the Transformer architecture" (arXiv 2002.04745).
    """

    def before(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return self.norm(x)  # type: ignore[no-any-return]

    def after(self, x: Float[Tensor, "*b d"], change: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return x + change

    def final(self) -> nn.Module:
        return nn.LayerNorm(self.norm.normalized_shape)


@NORMS.register("post")
class PostNorm(Residual):
    """y = LN(x + f(x))

    Source: Vaswani et al. 2017, "Attention is all you need" (arXiv 1706.03762), section 3.1.
    """

    def before(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return x

    def after(self, x: Float[Tensor, "*b d"], change: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return self.norm(x + change)  # type: ignore[no-any-return]
