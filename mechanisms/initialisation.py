"""How weights start."""

import torch
from torch import nn


def xavier(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """Return a linear map that keeps the variance of its input, and has no bias yet."""
    linear = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_uniform_(linear.weight)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear


def initialise_recurrent(module: nn.RNNBase | nn.RNNCellBase) -> None:
    """Input weights Glorot uniform and recurrent ones orthogonal, gate by gate; biases zero, the LSTM's forget gate 1.

    Keras's defaults. The forget gate: Jozefowicz et al. 2015, "An empirical exploration of recurrent network
    architectures". Torch's own default, uniform in ±1/√d throughout, forgets within a few positions.
    """
    width = module.hidden_size
    for name, parameter in module.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
        else:
            fill = nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_
            for gate in torch.split(parameter.detach(), width):
                fill(gate)
        # Torch orders an LSTM's gates input, forget, cell, output, and adds two biases: one of them gets the 1.
        if name.startswith("bias_ih") and parameter.shape[0] == 4 * width:
            nn.init.ones_(parameter.detach()[width : 2 * width])
