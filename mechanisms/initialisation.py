"""The initialisation of weights."""

import torch
from torch import nn


def xavier(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """Return a linear map with Glorot uniform weights, which keep the variance of the input, and a bias of zero."""
    linear = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_uniform_(linear.weight)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear


def initialise_recurrent(module: nn.RNNBase | nn.RNNCellBase, forget_bias: float = 1.0) -> None:
    """Initialise gate by gate: input weights Glorot uniform, recurrent weights orthogonal, biases zero.

    The gate that keeps the state has the bias `forget_bias`, so the state keeps sigmoid(forget_bias) of itself for an
    input of zero. A plain RNN has no such gate. The 1 is that of Jozefowicz et al. 2015, "An empirical exploration of
    recurrent network architectures", for the LSTM; for the GRU it is this project's choice. For the plain RNN these are
    the defaults of Keras, which draws one matrix for all gates of an LSTM or GRU. With torch's default, uniform in
    ±1/√d for all weights, a network forgets within a few positions.
    """
    width = module.hidden_size
    for name, parameter in module.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
        else:
            fill = nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_
            for gate in torch.split(parameter.detach(), width):
                fill(gate)
        # The gates of torch's LSTM have the order input, forget, cell, output, and those of its GRU reset, update, new:
        # the second one keeps the state. Two biases are added, and one of them is zero.
        if name.startswith("bias_ih") and parameter.shape[0] > width:
            nn.init.constant_(parameter.detach()[width : 2 * width], forget_bias)
