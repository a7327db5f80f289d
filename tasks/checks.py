"""What every task must satisfy, as checks that say what is wrong and what the likely mistake is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields

import torch

from .task import Batch, Classes, Scalar, Task, Tokens

SIZE = 512


def check_task(task_class: type[Task]) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each check on a task with its default settings, and the problem or None."""
    try:
        task = task_class()
        length = next(n for n in range(16, 4096) if _accepts(task, n))
        batch = _sample(task, length)
    except StopIteration:
        yield "samples", "check_length refuses every length from 16 to 4095: does it compare the wrong way round?"
        return
    except Exception as error:
        yield "samples", f"it raised {type(error).__name__}: {error}"
        return
    yield "samples", None
    for check in (_shapes, _ranges, _deterministic, _no_global_randomness, _oracle, _bounds, _chance):
        try:
            problem = check(task, length, batch)
        except Exception as error:
            problem = f"it raised {type(error).__name__}: {error}"
        yield check.__name__.strip("_"), problem


Check = Callable[[Task, int, Batch], str | None]


def _accepts(task: Task, length: int) -> bool:
    try:
        task.check_length(length)
    except ValueError:
        return False
    return True


def _sample(task: Task, length: int, seed: int = 1) -> Batch:
    return task.sample(length, SIZE, torch.Generator().manual_seed(seed))


def _shapes(task: Task, length: int, batch: Batch) -> str | None:
    rows = {f.name: len(value) for f in fields(batch) if (value := getattr(batch, f.name)) is not None}
    if set(rows.values()) != {SIZE}:
        return f"{SIZE} examples were asked for, and the batch has {rows}"
    if not batch.query.shape == batch.target.shape == batch.scored.shape:
        return (
            f"query, target and scored must have one shape, and have {tuple(batch.query.shape)}, "
            f"{tuple(batch.target.shape)} and {tuple(batch.scored.shape)}"
        )
    if batch.links is not None and batch.links.shape[1:] != (batch.query.shape[1], batch.source.shape[1]):
        return f"links must be (batch, query, source), and is {tuple(batch.links.shape)}"
    if batch.scored.dtype != torch.bool or not bool(batch.scored.any()):
        return "scored must be boolean and true somewhere, or there is nothing to learn"
    return None


def _ranges(task: Task, length: int, batch: Batch) -> str | None:
    spaces = [("query", task.query_space, batch.query), ("source", task.source_space, batch.source)]
    for name, space, values in spaces:
        if (
            isinstance(space, Tokens)
            and values.numel()
            and not 0 <= int(values.min()) <= int(values.max()) < space.size
        ):
            return f"{name} has tokens from {values.min()} to {values.max()}, and its space only {space.size} of them"
    answers = batch.target[batch.scored]
    if (
        isinstance(task.target_space, Classes)
        and not 0 <= int(answers.min()) <= int(answers.max()) < task.target_space.size
    ):
        return (
            f"answers go from {answers.min()} to {answers.max()}, and there are only {task.target_space.size} classes"
        )
    return None


def _deterministic(task: Task, length: int, batch: Batch) -> str | None:
    again, other = _sample(task, length), _sample(task, length, seed=2)
    if not all(_equal(getattr(batch, f.name), getattr(again, f.name)) for f in fields(batch)):
        return "the same generator gave two different batches: is something drawn from elsewhere?"
    if _equal(batch.source, other.source) and _equal(batch.query, other.query):
        return "two generators gave the same batch: is the generator that sample is given used?"
    return None


def _equal(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    return a is b if a is None or b is None else torch.equal(a, b)


def _no_global_randomness(task: Task, length: int, batch: Batch) -> str | None:
    before = torch.random.get_rng_state()
    _sample(task, length)
    if not torch.equal(before, torch.random.get_rng_state()):
        return "sample draws from torch's global generator; pass generator=generator to every draw"
    return None


def _oracle(task: Task, length: int, batch: Batch) -> str | None:
    answer, target = task.answer(batch)[batch.scored], batch.target[batch.scored]
    if isinstance(task.target_space, Scalar):
        metric = float((answer - target).square().mean())
    else:
        metric = float((answer == target).double().mean())
    if not math.isclose(metric, task.ceiling(length), abs_tol=1e-6):
        return f"answer scores {metric:.4g}, and ceiling says {task.ceiling(length):.4g}: one of the two is wrong"
    return None


def _bounds(task: Task, length: int, batch: Batch) -> str | None:
    chance, ceiling = task.chance(length), task.ceiling(length)
    if not math.isfinite(chance) or not math.isfinite(ceiling) or chance == ceiling:
        return f"chance ({chance}) and ceiling ({ceiling}) must be two different finite numbers"
    return None


def _chance(task: Task, length: int, batch: Batch) -> str | None:
    """Compare chance with the best constant answer: a predictor that has not read the source either."""
    target = batch.target[batch.scored].double()
    if isinstance(task.target_space, Scalar):
        errors = (target - target.mean()).square()
        best, chance, spread = -float(errors.mean()), -task.chance(length), float(errors.std()) / len(target) ** 0.5
    else:
        best = float(torch.bincount(target.long()).max()) / len(target)
        chance, spread = task.chance(length), (best * (1 - best) / len(target)) ** 0.5
    if best > chance + 5 * spread:
        return (
            f"the best constant answer scores {abs(best):.4g}, better than chance, {abs(chance):.4g}: "
            "chance must be the metric of the best predictor that has not read the source"
        )
    return None
