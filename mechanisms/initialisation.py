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


def initialise_recurrent(module: nn.RNNBase | nn.RNNCellBase) -> None:
    """Initialise gate by gate: input weights Glorot uniform, recurrent weights orthogonal, biases zero.

    The bias of an LSTM's forget gate is 1: Jozefowicz et al. 2015, "An empirical exploration of recurrent network
    architectures". For the plain RNN these are the defaults of Keras, which draws one matrix for all gates of an LSTM
    or GRU. With torch's default, uniform in ±1/√d for all weights, a network forgets within a few positions.
    """
    width = module.hidden_size
    for name, parameter in module.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
        else:
            fill = nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_
            for gate in torch.split(parameter.detach(), width):
                fill(gate)
        # The gates of torch's LSTM have the order input, forget, cell, output. Two biases are added; one of them is 1.
        if name.startswith("bias_ih") and parameter.shape[0] == 4 * width:
            nn.init.ones_(parameter.detach()[width : 2 * width])
