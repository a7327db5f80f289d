"""Where a residual connection is normalised: y = x + f(x) around each part of a block."""

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
        """Return what f reads."""

    @abstractmethod
    def after(self, x: Float[Tensor, "*b d"], change: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Return the output, where f has returned `change`."""

    def behind(self) -> nn.Module:
        """Return what belongs behind the last block of a stack."""
        return nn.Identity()


NORMS = Registry[Residual]("norm", positional=1)


@NORMS.register("pre")
class PreNorm(Residual):
    """y = x + f(LN(x)), with one more LN behind the last block (Xiong et al. 2020, arXiv 2002.04745)."""

    def before(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return self.norm(x)  # type: ignore[no-any-return]

    def after(self, x: Float[Tensor, "*b d"], change: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return x + change

    def behind(self) -> nn.Module:
        return nn.LayerNorm(self.norm.normalized_shape)


@NORMS.register("post")
class PostNorm(Residual):
    """y = LN(x + f(x)) (Vaswani et al. 2017, arXiv 1706.03762, section 3.1)."""

    def before(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return x

    def after(self, x: Float[Tensor, "*b d"], change: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return self.norm(x + change)  # type: ignore[no-any-return]
