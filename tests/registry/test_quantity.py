from __future__ import annotations

import json

import pytest

from registry import Quantity, UserError
from registry.quantity import by_name

LOSS = Quantity("loss", "loss", "nats", better="lower", over=("length", "step"), digits=3)


def test_a_quantity_goes_to_json_and_back() -> None:
    assert Quantity.from_json(json.loads(json.dumps(LOSS.to_json()))) == LOSS
    assert LOSS.heading == "loss (nats)"
    assert Quantity("accuracy", "accuracy").heading == "accuracy"


def test_one_name_is_one_quantity() -> None:
    assert by_name([LOSS, LOSS]) == {"loss": LOSS}
    with pytest.raises(UserError, match="the quantity 'loss' is declared in two ways"):
        by_name([LOSS, Quantity("loss", "loss", "bits")])
