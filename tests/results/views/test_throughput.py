from __future__ import annotations

from pathlib import Path

from tests.results.sentences import about, sentences


def test_speeds(tmp_path: Path) -> None:
    scores = {"lstm": [0.5], "transformer(scaled_dot)": [0.5], "transformer(additive)": [0.5]}
    crossing = {"lstm": (100.0, 100.0), "transformer(scaled_dot)": (300.0, 50.0), "transformer(additive)": (100.0, 5.0)}
    told = sentences(tmp_path / "a", scores, crossing)
    assert about(
        told,
        "scaled_dot) is faster than lstm up to length 64 (3.0 times at 64) and slower from 512 on (2.0 times at 512)",
    )
    assert about(told, "transformer(additive) takes 10.0 times as long as one of transformer(scaled_dot) at length 512")
    # Two lengths have no interval for an exponent, so there is no claim.
    assert not about(told, "to the power of")
    assert about(told, "From length 64 to 512 the time of a training step is multiplied by 8.0 for lstm, 48.0 for")
    near = {"lstm": (100.0, 100.0), "transformer(scaled_dot)": (105.0, 95.0), "transformer(additive)": (100.0, 96.0)}
    unclear = sentences(tmp_path / "b", scores, near)
    assert not about(unclear, "than lstm")
    assert not about(unclear, "times as long")


def test_only_scores_of_alike_networks_are_compared(tmp_path: Path) -> None:
    names = ["transformer(layers=1, scaled_dot)", "transformer(layers=2, additive)", "transformer(layers=1, additive)"]
    rates = dict(zip(names, [(300.0, 50.0), (100.0, 2.0), (100.0, 5.0)], strict=True))
    told = sentences(tmp_path / "a", {name: [0.5] for name in names}, rates)
    slow, fast = names[2], names[0]
    assert about(told, f"A training step of {slow} takes 10.0 times as long as one of {fast} at length 512.")
    assert len(about(told, "times as long")) == 1
    unlike = {name: rates[name] for name in names[:2]}
    assert not about(sentences(tmp_path / "b", {name: [0.5] for name in unlike}, unlike), "times as long")


def test_every_recurrent_network_is_compared(tmp_path: Path) -> None:
    names = ["lstm(layers=1)", "lstm(layers=2)", "transformer"]
    rates = dict(zip(names, [(100.0, 100.0), (50.0, 40.0), (300.0, 50.0)], strict=True))
    told = sentences(tmp_path, {name: [0.5] for name in names}, rates)
    assert about(told, "is multiplied by 8.0 for lstm(layers=1) and 10.0 for lstm(layers=2).")
