from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Every test starts from one seed and leaves the global random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
