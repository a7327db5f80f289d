"""h_t = tanh(W x_t + U h_{t-1} + b)

Elman 1990, "Finding structure in time".
"""

from .model import MODELS
from .recurrent import Recurrent


@MODELS.register("rnn")
class RNN(Recurrent):
    cell = "rnn"
