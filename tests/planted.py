"""Faults that tests plant in mechanisms."""

import torch


class Shrunk(torch.autograd.Function):
    """Returns its input, and a gradient that is 0.9 times what it must be."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return 0.9 * gradient
