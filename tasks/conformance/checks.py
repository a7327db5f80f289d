"""What every task must satisfy, as checks that say what is wrong and what the likely mistake is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor

from ..task import HIDDEN, Batch, Classes, Distribution, Scalar, Task, Tokens
from .predictors import Score, best_constant, best_marginal, best_query_reader, paired_query_reader

SIZE = 512
FEW = 48  # examples, where every query is looked at
SPREADS = 5  # standard errors that a check allows: it runs often, and must not cry wolf


def check_task(task_class: type[Task]) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each check on a task with its default settings, and the problem or None."""
    try:
        task = task_class()
        length = next(n for n in range(16, 4096) if task.accepts(n))
        batch = _sample(task, length)
    except StopIteration:
        yield "samples", "check_length refuses every length from 16 to 4095: does it compare the wrong way round?"
        return
    except Exception as error:
        yield "samples", f"it raised {type(error).__name__}: {error}"
        return
    yield "samples", None
    for check in CHECKS:
        try:
            problem = check(task, length, batch)
        except Exception as error:
            problem = f"it raised {type(error).__name__}: {error}"
        yield check.__name__.strip("_"), problem


Check = Callable[[Task, int, Batch], str | None]


def _sample(task: Task, length: int, seed: int = 1, size: int = SIZE) -> Batch:
    return task.sample(length, size, torch.Generator().manual_seed(seed))


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
    if batch.scored.dtype != torch.bool or not bool(batch.scored.any(1).all()):
        return "scored must be boolean and true somewhere in every example, or there is nothing to learn from it"
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


def _words(task: Task, length: int, batch: Batch) -> str | None:
    """Check that there is a word for every token and class."""
    for part, space in (("source", task.source_space), ("query", task.query_space), ("target", task.target_space)):
        wanted = space.size if isinstance(space, Tokens | Classes) else 0
        words = task.words(part)  # type: ignore[arg-type]
        if len(words) < wanted or (wanted and not all(words[:wanted])):
            return f'words("{part}") has {len(words)} words for {wanted} tokens'
    return None


def _deterministic(task: Task, length: int, batch: Batch) -> str | None:
    again, other = _sample(task, length), _sample(task, length, seed=2)
    if not all(_equal(getattr(batch, f.name), getattr(again, f.name)) for f in fields(batch)):
        return "the same generator gave two different batches: is something drawn from elsewhere?"
    if _equal(batch.source, other.source) and _equal(batch.query, other.query):
        return "two generators gave the same batch: is the generator that sample is given used?"
    return None


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b if a is None or b is None else torch.equal(a, b)


def _no_global_randomness(task: Task, length: int, batch: Batch) -> str | None:
    before = torch.random.get_rng_state()
    _sample(task, length)
    if not torch.equal(before, torch.random.get_rng_state()):
        return "sample draws from torch's global generator; pass generator=generator to every draw"
    return None


def _oracle(task: Task, length: int, batch: Batch) -> str | None:
    if isinstance(task.target_space, Distribution):
        return None  # its best answers are often wrong; what it knows are probabilities
    answer, target = task.answer(batch)[batch.scored], batch.target[batch.scored]
    ceiling = task.ceiling(length)
    if isinstance(task.target_space, Scalar):
        metric, slack = float((answer - target).square().mean()), 1e-6
    else:
        metric = float((answer == target).double().mean())
        # Where even the best reader errs, a sample has more or fewer of its errors.
        slack = 1e-6 + SPREADS * math.sqrt(max(0.0, ceiling * (1 - ceiling)) / len(batch))
    if not math.isclose(metric, ceiling, rel_tol=0, abs_tol=slack):
        return f"answer scores {metric:.4g}, and ceiling says {ceiling:.4g}: one of the two is wrong"
    return None


def _bounds(task: Task, length: int, batch: Batch) -> str | None:
    chance, ceiling = task.chance(length), task.ceiling(length)
    if not math.isfinite(chance) or not math.isfinite(ceiling) or chance == ceiling:
        return f"chance ({chance}) and ceiling ({ceiling}) must be two different finite numbers"
    return None


def _chance(task: Task, length: int, batch: Batch) -> str | None:
    """Compare chance with predictors that have not read the source either."""
    other = _sample(task, length, seed=2)
    found = {"the best constant answer": best_constant, "the best answer at each query position": best_marginal}
    if not isinstance(task.target_space, Scalar | Distribution):
        found["the best answer to each query token"] = best_query_reader
    for name, predictor in found.items():
        score = predictor(task, batch, other)
        if _better(task, score, task.chance(length)):
            return (
                f"{name} scores {score.value:.4g}, better than chance, {task.chance(length):.4g}: "
                "chance must be the metric of the best predictor that has not read the source"
            )
    return None


def _better(task: Task, score: Score, than: float) -> bool:
    gain = score.value - than if not isinstance(task.target_space, Scalar | Distribution) else than - score.value
    return gain > SPREADS * score.error


def _leaks(task: Task, length: int, batch: Batch) -> str | None:
    """Look whether another query gives an answer away, unless the task says that it may."""
    if task.leaks or not task.causal or isinstance(task.target_space, Scalar):
        return None
    score = paired_query_reader(task, batch, _sample(task, length, seed=2))
    if score is not None and score.value > SPREADS * score.error:
        return (
            "a query tells the answer to another one; if a later one may, as in a shifted target, set leaks = True, "
            "so that no model that sees all queries at once is asked"
        )
    return None


def _links(task: Task, length: int, batch: Batch) -> str | None:
    """Look whether the linked positions are enough to answer from."""
    if batch.links is None:
        return None
    if bool(batch.links[~batch.scored].any()):
        return "a query that is not scored has links"
    few = _sample(task, length, size=FEW)
    return _points(task, few) if task.points else _from_links(task, few)


def _points(task: Task, batch: Batch) -> str | None:
    assert batch.links is not None
    if not bool((batch.links.sum(2) == 1)[batch.scored].all()):
        return "points says that each scored query is linked to one source position, and some are not"
    there = batch.source.gather(1, batch.links.long().argmax(2))
    if not torch.equal(there[batch.scored], batch.target[batch.scored]):
        return "points says that the answer is the token at the linked position, and it is not"
    return None


def _from_links(task: Task, batch: Batch) -> str | None:
    assert batch.links is not None
    for q in range(batch.query.shape[1]):
        rows = batch.scored[:, q]
        if not bool(rows.any()):
            continue
        visible = with_only(batch, batch.links[:, q])
        answer, target = task.answer(visible)[rows, q], batch.target[rows, q]
        if not bool(_agree(task, answer, target).all()):
            return (
                f"when all source positions that are not linked are hidden ({HIDDEN}, or zeros), "
                f"the oracle cannot find the answer at query {q}"
            )
    return None


def with_only(batch: Batch, visible: Tensor) -> Batch:
    """Return the batch with all source positions HIDDEN, but those of which `visible` (b, s) is true."""
    features = batch.source.ndim == 3
    shown = visible.unsqueeze(2) if features else visible
    hidden = torch.zeros_like(batch.source) if features else torch.full_like(batch.source, HIDDEN)
    return replace(batch, source=torch.where(shown, batch.source, hidden))


def _agree(task: Task, answer: Tensor, target: Tensor) -> Tensor:
    return (answer - target).abs() < 1e-5 if isinstance(task.target_space, Scalar) else answer == target


def _necessary(task: Task, length: int, batch: Batch) -> str | None:
    """Look whether another token at a linked position would change the answer, where the task says so."""
    if not task.necessary or batch.links is None:
        return None
    few = _sample(task, length, size=FEW)
    for q, s in idle_links(task, few):
        return f"necessary says that every linked position matters, and position {s} does not to query {q}"
    return None


def idle_links(task: Task, batch: Batch) -> Iterator[tuple[int, int]]:
    """Yield query and source positions that are linked in an example in which no other token changes the answer."""
    assert batch.links is not None
    links = batch.links & batch.scored.unsqueeze(2)
    for s in torch.where(links.any(1).any(0))[0].tolist():
        idle = links[:, :, s]
        for source in _changed(task, batch.source, s):
            idle = idle & _agree(task, task.answer(replace(batch, source=source)), batch.target)
            if not bool(idle.any()):
                break
        for q in torch.where(idle.any(0))[0].tolist():
            yield q, s


def _changed(task: Task, source: Tensor, position: int) -> Iterator[Tensor]:
    """Yield the source with each other token at `position`; of features, with none there."""
    values = range(task.source_space.size) if isinstance(task.source_space, Tokens) else [0.0]
    for value in values:
        other = source.clone()
        other[:, position] = value
        yield other


CHECKS: tuple[Check, ...] = (
    _shapes,
    _ranges,
    _words,
    _deterministic,
    _no_global_randomness,
    _oracle,
    _bounds,
    _chance,
    _leaks,
    _links,
    _necessary,
)
