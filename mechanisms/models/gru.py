from ..layers.recurrent import GRUCell
from .model import MODELS
from .rnn import Recurrent


@MODELS.register("gru")
class GRU(Recurrent):
    """h_t = (1 - z) ⊙ n + z ⊙ h_{t-1};  r, z = sigmoid(W x_t + U h_{t-1} + b);
    n = tanh(W_n x_t + b_n + r ⊙ (U_n h_{t-1} + b'_n))

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder" (arXiv 1406.1078), with the
    reset gate after the product (arXiv 1406.1078v1), as in cuDNN and torch.
    """

    def __init__(self, width: int, *, causal: bool = True, layers: int = 1, forget_bias: float = 1.0) -> None:
        super().__init__(width, GRUCell(forget_bias=forget_bias), causal=causal, layers=layers)
