from __future__ import annotations

from pathlib import Path

from results import Planned, Store, load_trials
from results.analysis.families import NO_ALIGNMENT, Family, families, mechanisms_of
from tests.results.trials import mechanism, planned


def of(folder: Path, *trials: Planned) -> list[Family]:
    with Store(folder / "results.sqlite") as store:
        store.plan(trials)
    return families(load_trials(folder))


def test_hosts_and_the_others(tmp_path: Path) -> None:
    names = [("transformer", "dot"), ("lstm", None), ("transformer", "additive"), ("rnn_attention", "dot")]
    found = of(tmp_path, *[planned(f"{model} {inside}", mechanism(model, inside)) for model, inside in names])
    assert [family.title for family in found] == [NO_ALIGNMENT, "transformer", "rnn_attention"]
    assert found[0].names == {"lstm": "lstm"}
    assert found[1].names == {"transformer(dot)": "dot", "transformer(additive)": "additive"}
    # Its label need not name its alignment.
    assert found[2].names == {"rnn_attention": "dot"}
    every = [family.every for family in found]
    assert every == [None, "transformer with every score", "rnn_attention with every score"]


def test_a_family_of_one_score_is_not_called_by_its_scores(tmp_path: Path) -> None:
    (family,) = of(tmp_path, *[planned(f"{n}", mechanism("transformer", "dot", {"layers": n})) for n in (1, 2, 3)])
    assert list(family.names.values()) == ["layers=1", "layers=2", "layers=3"]
    assert family.every == "every transformer"


def test_mechanisms_by_what_they_are(tmp_path: Path) -> None:
    chosen = [mechanism("lstm", given={"layers": n}) for n in (1, 2)] + [mechanism("transformer", "dot")]
    of(tmp_path, *[planned(f"{n}", each) for n, each in enumerate(chosen)])
    trials = load_trials(tmp_path)
    assert mechanisms_of(trials, "lstm") == ["lstm(layers=1)", "lstm(layers=2)"]
    assert mechanisms_of(trials, "transformer", "dot") == ["transformer"]
    assert mechanisms_of(trials, "transformer", "additive") == []
    assert mechanisms_of(trials, "gru") == []
