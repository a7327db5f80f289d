from ..layers.recurrent import LSTMCell
from .model import MODELS
from .rnn import Recurrent


@MODELS.register("lstm")
class LSTM(Recurrent):
    """h_t = o ⊙ tanh(c_t);  c_t = f ⊙ c_{t-1} + i ⊙ tanh(W_c x_t + U_c h_{t-1} + b_c);
    i, f, o = sigmoid(W x_t + U h_{t-1} + b)

    Source: Hochreiter & Schmidhuber 1997, "Long short-term memory"; with the forget gate of Gers et al. 2000.
    """

    def __init__(self, width: int, *, causal: bool = True, layers: int = 1, forget_bias: float = 1.0) -> None:
        super().__init__(width, LSTMCell(forget_bias=forget_bias), causal=causal, layers=layers)
