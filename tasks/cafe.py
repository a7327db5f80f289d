"""Cafe: how many visits to a place does a story report?"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .sources.cafe_story import ACTS, HOURS, OUTSIDE, PERSONS, PLACES, Clause, tell_story
from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, draw_distinct, uniform

ORDERS = ("chronological", "told")


@TASKS.register("cafe")
class Cafe(Task):
    """`length` clauses of four tokens each (person, act, place, hour): how many visits did a place have?

    It measures counting more than attention: how often the place stands beside each act and each hour tells about half
    of what can be known about the count.

    With length=6 and two visits to the café, the first of them mentioned twice:

        source  Anna means_to_go_to café nine    Clara passes_by café nine    Anna enters café nine
                Anna reads_in café nine          Clara enters inn ten         Clara leaves café eleven
        query   café
        answer  2

    A visit is one person in one place at one hour, and a person is in one place per hour. Every act inside, from
    entering to leaving, mentions the visit; an act outside, such as passing by, does not. A person who comes back at
    another hour makes a new visit. The order of the clauses does not change the answer. `links` are the first mentions
    of the visits, which are enough to count them.

    The count is uniform over 0 to `most` (to `length` if that is less), and independent of all other random numbers.
    The visits need at most `most` clauses. Of the other length - most clauses, up to a share `redundancy` are repeats;
    of the rest, up to a share `distractors` are acts outside the place of the query, and what remains is about other
    places. Each number is uniform up to its share. A repeat mentions a random visit again. If there is no visit, it is
    an act outside, and so is the clause of each visit by which the count is below `most`. So the number of clauses with
    the place is independent of the count, and repeats make the number of acts inside a poor estimate of it. Without
    repeats, as at redundancy 0, the number of acts inside is the count.

    With the order "chronological", clauses are in the order of the hours and, within an hour, from plans to arrivals to
    departures; with "told" they are in random order.

    The most similar published task is counting, task 7 of bAbI (Weston et al. 2015, arXiv 1502.05698, section 3). It
    asks how many objects a person holds; there every "take" adds one and every "drop" subtracts one.

    Source: this project.
    """

    family = "story"
    drawn_together = 32
    presets: ClassVar[Presets] = {
        "chronicle": {"length": [8, 16], "test_lengths": [16, 32, 64, 128]},
        "flashback": {"order": "told", "length": [8, 16], "test_lengths": [16, 32, 64, 128]},
    }

    def __init__(
        self,
        *,
        places: int = 4,
        persons: int = 4,
        hours: int = 4,
        most: int = 4,
        redundancy: float = 0.75,
        distractors: float = 0.75,
        order: str = "chronological",
    ) -> None:
        _require_between("places", places, 2, len(PLACES))
        _require_between("persons", persons, 1, len(PERSONS))
        _require_between("hours", hours, 1, len(HOURS))
        # Fewer than all pairs of person and hour, so that other places can have visits too.
        _require_between("most", most, 1, persons * hours - 1)
        _require_between("redundancy", redundancy, 0, 1)
        _require_between("distractors", distractors, 0, 1)
        if order not in ORDERS:
            raise ValueError(f"order is '{order}', but must be {' or '.join(ORDERS)}")
        self.places, self.persons, self.hours, self.most = places, persons, hours, most
        self.redundancy, self.distractors, self.order = redundancy, distractors, order
        # The first token of each kind: person, act, place, hour.
        self.first = (0, persons, persons + len(ACTS), persons + len(ACTS) + places)
        self.source_space = self.query_space = Tokens(persons + len(ACTS) + places + hours, "cafe")
        self.target_space = Classes(most + 1)

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        count = torch.randint(min(self.most, length) + 1, (size, 1), generator=generator, device=generator.device)
        asked = torch.randint(self.places, (size, 1), generator=generator, device=generator.device)
        visit, there = self._plot(count, length, generator)
        clauses = self._clauses(asked, visit, there, generator)
        told = self._telling(clauses, generator).unsqueeze(2)
        clauses, visit = clauses.take_along_dim(told, 1), visit.take_along_dim(told.squeeze(2), 1)
        return Batch(
            source=(clauses + clauses.new_tensor(self.first)).flatten(1),
            query=asked + self.first[2],
            target=count,
            scored=torch.ones_like(count, dtype=torch.bool),
            links=self._opens(visit).repeat_interleave(4, dim=1).unsqueeze(1),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(min(self.most, length) + 1, self.target_space.size)

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        """Count the different pairs (person, hour) of the clauses with an act inside the place."""
        source = batch.source.reshape(len(batch), -1, 4)
        person, act, place, hour = source.unbind(2)
        inside = (source >= 0).all(2) & (act >= self.first[1] + len(OUTSIDE)) & (place == batch.query)
        stay = person * self.hours + hour - self.first[3]
        ticks = (stay.unsqueeze(2) == torch.arange(self.persons * self.hours, device=stay.device)) & inside.unsqueeze(2)
        return ticks.any(1).sum(1, keepdim=True)

    def words(self, part: Part) -> list[str]:
        if part == "target":
            return [str(count) for count in range(self.most + 1)]
        used = (PERSONS[: self.persons], ACTS, PLACES[: self.places], HOURS[: self.hours])
        return [word.token for kind in used for word in kind]

    def tell(self, batch: Batch, row: int, language: str = "en") -> str:
        tokens = batch.source[row].reshape(-1, 4)
        numbers = torch.where(tokens < 0, tokens, tokens - tokens.new_tensor(self.first))
        clauses = [Clause(*clause) for clause in numbers.tolist()]
        return tell_story(clauses, int(batch.query[row]) - self.first[2], int(batch.target[row]), language)

    def _plot(
        self, count: Int[Tensor, "b 1"], length: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "b n"], Bool[Tensor, "b n"]]:
        """Sample which visit to the place each clause mentions (-1: none), and whether it names the place."""
        size, device, most = len(count), count.device, min(self.most, length)
        free = length - most
        repeats = torch.randint(int(self.redundancy * free) + 1, (size, 1), generator=generator, device=device)
        limit = (self.distractors * (free - repeats)).long() + 1
        passing = (torch.rand(size, 1, generator=generator, device=device) * limit).long()
        repeated = (torch.rand(size, length, generator=generator, device=device) * count).long()
        clause = torch.arange(length, device=device)
        visit = torch.where(clause < count, clause, repeated)
        told = (clause < count + repeats) & (count > 0)
        return visit.where(told, torch.full_like(visit, -1)), clause < most + repeats + passing

    def _clauses(
        self,
        asked: Int[Tensor, "b 1"],
        visit: Int[Tensor, "b n"],
        there: Bool[Tensor, "b n"],
        generator: torch.Generator,
    ) -> Int[Tensor, "b n 4"]:
        """Sample person, act, place and hour of each clause, before the clauses are ordered."""

        def draw(start: int, end: int, shape: torch.Size = visit.shape) -> Tensor:
            return torch.randint(start, end, shape, generator=generator, device=visit.device)

        # A stay is a person at an hour. `most` stays are reserved for the place of the query, whatever the count is.
        stays = self.persons * self.hours
        shuffled = draw_distinct(len(visit), stays, stays, generator)
        stay = shuffled.take_along_dim(torch.where(visit >= 0, visit, draw(self.most, stays)), 1)
        other_visit = ~there & (draw(0, 2) == 1)
        inside = (visit >= 0) | other_visit
        act = torch.where(inside, draw(len(OUTSIDE), len(ACTS)), draw(0, len(OUTSIDE)))
        # Other places are numbered from that of the query on. A person inside one at an hour is inside no other.
        whereabouts = draw(1, self.places, shuffled.shape).take_along_dim(stay, 1)
        onward = torch.where(other_visit, whereabouts, draw(1, self.places))
        place = (asked + onward.where(~there, torch.zeros_like(onward))) % self.places
        stay = torch.where(inside, stay, draw(0, stays))
        person = stay // self.hours
        return torch.stack([person, act, place, stay - person * self.hours], dim=2)

    def _telling(self, clauses: Int[Tensor, "b n 4"], generator: torch.Generator) -> Int[Tensor, "b n"]:
        """Sample the order of the clauses. Within an hour it is that of the acts, from plans to departures."""
        key = torch.rand(clauses.shape[:2], generator=generator, device=clauses.device)
        if self.order == "chronological":
            key = key + clauses[..., 3] * len(ACTS) + clauses[..., 1]
        return key.argsort(dim=1, stable=True)

    def _opens(self, visit: Int[Tensor, "b n"]) -> Bool[Tensor, "b n"]:
        """Return whether each clause is the first to mention a visit to the place."""
        clause = torch.arange(visit.shape[1], device=visit.device).expand_as(visit)
        first = visit.new_full((len(visit), self.most + 1), visit.shape[1])
        first.scatter_reduce_(1, visit + 1, clause, "amin")
        return (visit >= 0) & (clause == first.take_along_dim(visit + 1, 1))


def _require_between(name: str, value: int | float, least: int, greatest: int) -> None:
    if not least <= value <= greatest:
        raise ValueError(f"{name} is {value}, but must be from {least} to {greatest}")
