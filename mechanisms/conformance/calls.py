"""How checks call a module: in both modes, and with the same random numbers in each call."""

import copy
import random
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from registry import Check, CheckError

from .expect import expect, expect_equal, seeded


def call(module: nn.Module, *inputs: Any, seed: int = 0) -> Tensor:
    """Return what the module returns; in training mode with the same random numbers in each call."""
    if not module.training:
        return module(*inputs)  # type: ignore[no-any-return]
    with seeded(seed):
        return (copy.deepcopy(module) if _stochastic(module) else module)(*inputs)  # type: ignore[no-any-return]


def draws(module: nn.Module, *inputs: Any) -> bool:
    """Return whether the output depends on random numbers, as it may in training mode."""
    if not module.training or _stochastic(module):
        return module.training
    return not torch.equal(call(module, *inputs), call(module, *inputs, seed=1))


def _stochastic(module: nn.Module) -> bool:
    """Return whether a part draws from a generator of its own, whose state each call changes."""
    return any(getattr(part, "stochastic", False) for part in module.modules())


def in_both_modes(check: Callable[[Any, bool], None]) -> Check:
    """Make a check of one that takes a class and whether its module is in training mode, and run it in both modes."""

    @wraps(check)
    def both(value: Any) -> None:
        check(value, False)
        try:
            check(value, True)
        except CheckError as failure:
            raise CheckError(f"in training mode only: {failure}") from failure

    return both


def training_keeps_nothing(module: nn.Module, use: Callable[[nn.Module], Sequence[Tensor]]) -> None:
    """Expect that a call in training mode does not change what a call in eval mode gives."""
    before = use(module.eval())
    use(module.train())
    for got, wanted in zip(use(module.eval()), before, strict=True):
        expect_equal(
            got,
            wanted,
            "a call in training mode changes what calls in eval mode give, without any step of the optimiser: is a "
            "buffer or an attribute changed in a call?",
        )


def seeds_nothing(build: Callable[[], nn.Module], use: Callable[[nn.Module], object]) -> None:
    """Expect that neither to build a module nor to use it seeds a global generator of random numbers.

    A generator that is seeded continues in the same way, whatever its state was before.
    """
    _expect_no_seed(build, "constructor")
    for training in (True, False):
        module = build().train(training)
        _expect_no_seed(lambda: use(copy.deepcopy(module)), "call")  # noqa: B023


def _expect_no_seed(act: Callable[[], object], where: str) -> None:
    first, again, other = (_states_after(act, seed) for seed in (1, 1, 2))
    for name in first:
        expect(
            first[name] == again[name] != other[name],
            f"a {where} seeds the global generator of {name}, so all that is drawn afterwards, by other code too, no "
            "longer depends on the seed of the trial: draw from a torch.Generator of your own",
        )


def _states_after(act: Callable[[], object], seed: int) -> dict[str, object]:
    """Return the states of the global generators after an act that begins with this seed."""
    with seeded(seed):
        act()
        _, numbers, place, *_ = numpy.random.get_state(legacy=True)
        return {
            "torch": torch.random.get_rng_state().tolist(),
            "random": random.getstate(),
            "numpy.random": (numbers.tolist(), place),  # type: ignore[union-attr]
        }
