from .model import MODELS
from .rnn import Recurrent


@MODELS.register("lstm")
class LSTM(Recurrent):
    """h_t = o ⊙ tanh(c_t);  c_t = f ⊙ c_{t-1} + i ⊙ tanh(W_c x_t + U_c h_{t-1} + b_c);
    i, f, o = sigmoid(W x_t + U h_{t-1} + b)

    Source: Hochreiter & Schmidhuber 1997, "Long short-term memory"; with the forget gate of Gers et al. 2000.
    """

    cell = "lstm"
