from .model import MODELS
from .rnn import Recurrent


@MODELS.register("gru")
class GRU(Recurrent):
    """h_t = (1 - z) ⊙ n + z ⊙ h_{t-1};  r, z = sigmoid(W x_t + U h_{t-1} + b);
    n = tanh(W_n x_t + b_n + r ⊙ (U_n h_{t-1} + b'_n))

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder" (arXiv 1406.1078), with the
    reset gate after the product (arXiv 1406.1078v1), as in cuDNN and torch.
    """

    cell = "gru"
