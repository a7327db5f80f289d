"""Where selective copy puts its items, by counts over all choices."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from tasks import TASKS


def draw(length, size=20_000, **settings):
    task = TASKS["selective_copy"](**settings)
    return task, task.sample(length, size, torch.Generator().manual_seed(5))


def spread(share, count):
    return 4 * math.sqrt(share * (1 - share) / count)


def test_selective_copy_uses_every_choice_of_places_equally_often():
    _, batch = draw(5, size=20_000, items=2, symbols=3)
    counts = torch.bincount((batch.links.any(1) * 2 ** torch.arange(5)).sum(1))
    shares = counts[counts > 0] / len(batch)
    assert len(shares) == math.comb(5, 2)
    assert (shares - 1 / 10).abs().max() < spread(0.1, len(batch))


def test_selective_copy_inserts_blanks_as_mad_does():
    """Each choice of an item for each blank is equally likely, as with numpy's insert at random indices."""
    items, blanks = 3, 4
    expected = Counter()
    for befores in itertools.product(range(items), repeat=blanks):
        row = np.insert(np.arange(1, items + 1), befores, [0] * blanks)
        expected[tuple(np.flatnonzero(row))] += 1 / items**blanks
    _, batch = draw(items + blanks, size=20_000, items=items, symbols=2, inserted=True)
    places = Counter(tuple(torch.where(row)[0].tolist()) for row in batch.source != 2)
    assert places.keys() == expected.keys()
    for place, share in expected.items():
        assert abs(places[place] / len(batch) - share) < spread(share, len(batch))


MULTINOMIAL = math.sqrt(223 / 16 * 15 / 16)
DIRICHLET_MULTINOMIAL = math.sqrt(223 / 17 * 16 / 17 * 240 / 18)


@pytest.mark.parametrize(("inserted", "deviation"), [(True, MULTINOMIAL), (False, DIRICHLET_MULTINOMIAL)])
def test_selective_copy_gaps_spread_as_far_as_stated(inserted, deviation):
    """223 blanks: each drawn by itself into one of 16 gaps, or 17 gaps with all choices of places equally likely."""
    settings = TASKS["selective_copy"].presets["mad"] | {"inserted": inserted}
    length = settings.pop("length")
    _, batch = draw(length, size=20_000, **settings)
    places = batch.links.double() @ torch.arange(length, dtype=torch.float64)
    gaps = places[:, 1:] - places[:, :-1] - 1
    assert gaps.std().item() == pytest.approx(deviation, rel=0.01)
