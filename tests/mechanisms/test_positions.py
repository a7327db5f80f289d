import math

import pytest
import torch

from mechanisms import POSITIONS


@pytest.mark.parametrize("width", [7, 12])
@pytest.mark.parametrize("start", [0, 5003])
def test_sinusoidal_is_the_papers_table(width, start):
    x = torch.randn(2, 5, width, dtype=torch.float64)
    marks = POSITIONS["sinusoidal"](width).embed(x, torch.arange(start, start + 5)) - x
    for t in range(5):
        for column in range(width):
            angle = (start + t) / 10000 ** (2 * (column // 2) / width)
            wanted = math.cos(angle) if column % 2 else math.sin(angle)
            assert marks[0, t, column].item() == pytest.approx(wanted, abs=1e-11)
    torch.testing.assert_close(marks[0], marks[1])


def test_none_leaves_no_mark():
    x = torch.randn(2, 5, 7)
    assert torch.equal(POSITIONS["none"](7).embed(x, torch.arange(5)), x)
