from __future__ import annotations

from pathlib import Path

from results import CellRow, Measurement, Store
from results.findings import find
from results.run import Results, read

Scores = dict[str, list[float]]


def sentences(folder: Path, scores: Scores, rates: dict[str, tuple[float, float]] | None = None) -> list[str]:
    """Findings of a run in which each mechanism has these scores (one a seed), and these tokens/s at 64 and 512."""
    rates = rates or {}
    with Store(folder / "results.sqlite") as store:
        rows = []
        for name, values in scores.items():
            model, _, inside = name.rstrip(")").partition("(")
            plain = {"label": name, "model": model, "alignment": inside or None, "position": len(rows)}
            rows += [
                CellRow(key=f"{name}/{seed}", kind="train", task="copy", length=5, seed=seed, **plain)
                for seed in range(len(values))
            ]
            rows += [CellRow(key=f"{name}/speed", kind="speed", seed=0, **plain)] if name in rates else []
        store.plan(rows)
        for name, values in scores.items():
            for seed, value in enumerate(values):
                store.finish(
                    f"{name}/{seed}",
                    "ok",
                    measurements=[Measurement("accuracy", "normalised", value, stage="test", length=5)],
                )
        for name, tokens in rates.items():
            timed = [
                Measurement("throughput", "train", value, "tokens/s", length=length, low=0.9 * value, high=1.1 * value)
                for length, value in zip((64, 512), tokens, strict=True)
            ]
            store.finish(f"{name}/speed", "ok", measurements=timed)
    return [finding.text for finding in find(read(folder))]


def about(found: list[str], *words: str) -> list[str]:
    return [text for text in found if all(word in text for word in words)]


def test_attention_mends_only_where_the_seeds_agree(tmp_path: Path) -> None:
    base, host = "rnn_encoder_decoder", "rnn_attention(dot)"
    told = sentences(tmp_path / "a", {base: [0.4, 0.42], host: [0.9, 0.94]})
    assert about(told, base, "raised by attention with dot (+0.51 [0.50, 0.52])")
    assert not about(sentences(tmp_path / "b", {base: [0.4, 0.9], host: [0.9, 0.8]}), "raised")
    assert not about(sentences(tmp_path / "c", {base: [0.40, 0.42], host: [0.43, 0.46]}), "raised")
    lower = sentences(tmp_path / "d", {base: [0.9, 0.9], host: [0.1, 0.2]})
    assert about(lower, "lowered by attention with dot")


def test_content_against_location(tmp_path: Path) -> None:
    location, dot, additive = "transformer(location)", "transformer(dot)", "transformer(additive)"
    told = sentences(tmp_path / "a", {location: [0.2, 0.3], dot: [0.9, 0.9], additive: [0.8, 0.8]})
    assert about(told, "In transformer, every score of content alone beats location on copy, by 0.55")
    mixed = sentences(tmp_path / "b", {location: [0.5, 0.5], dot: [0.9, 0.9], additive: [0.2, 0.2]})
    assert not about(mixed, "location")[1:]
    assert not about(mixed, "beats")
    reverse = sentences(tmp_path / "c", {location: [0.9, 0.9], dot: [0.1, 0.1], additive: [0.2, 0.2]})
    assert about(reverse, "location beats every score of content alone on copy")


def test_gates(tmp_path: Path) -> None:
    assert about(sentences(tmp_path / "a", {"rnn": [0.1, 0.1], "gru": [0.5, 0.6]}), "gru", "above the plain rnn")
    assert not about(sentences(tmp_path / "b", {"rnn": [0.5, 0.5], "gru": [0.5, 0.6]}), "plain rnn")
    assert about(sentences(tmp_path / "c", {"rnn": [0.6, 0.6], "gru": [0.1, 0.1]}), "gru", "below the plain rnn")


def test_solved_needs_every_seed(tmp_path: Path) -> None:
    told = sentences(tmp_path / "a", {"rnn": [0.99, 0.98], "gru": [0.99, 0.5], "lstm": [0.02, 0.05]})
    assert about(told, "copy: solved (a score of 0.95 or more on every seed) by rnn; near chance", "lstm.")
    nobody = sentences(tmp_path / "b", {"rnn": [0.5, 0.6], "gru": [0.99, 0.5]})
    assert about(nobody, "nobody reaches 0.95 on every seed", "of gru")


def test_the_best_is_named_only_where_it_stands_out(tmp_path: Path) -> None:
    assert about(
        sentences(tmp_path / "a", {"gru": [0.9, 0.92], "rnn": [0.1, 0.2]}), "gru has the highest", "do not overlap"
    )
    assert about(sentences(tmp_path / "b", {"gru": [0.9, 0.92], "rnn": [0.91, 0.2]}), "cannot be told from it")
    assert about(sentences(tmp_path / "c", {"gru": [0.9, 0.92], "rnn": [0.88, 0.89]}), "cannot be told from it")


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


def test_few_seeds_are_confessed(tmp_path: Path) -> None:
    assert about(sentences(tmp_path / "a", {"rnn": [0.5, 0.5]}), "rests on 2 seeds")
    single = sentences(tmp_path / "b", {"rnn": [0.1], "gru": [0.9]})
    assert about(single, "rests on one seed")
    assert about(single, "gru has the highest score over all tasks, 0.90, on its only seed")
    assert not about(single, "above the plain rnn")
    assert not about(sentences(tmp_path / "c", {"rnn": [0.5] * 5}), "rests on")


def test_a_whole_run(results: Results) -> None:
    told = [finding.text for finding in find(results)]
    assert about(told, "rnn_attention(my_score), a plugin, comes out at rank 9 of 17")
    assert about(told, "the gradient vanishes over 126 positions in rnn (0.200 [", "1 % left after 24")
    assert about(told, "the gradient holds", "transformer with every score")
    assert about(told, "10 of 255 cells gave no result: 4 diverged, 4 failed, 2 timeout.")
    assert about(told, "every score of content alone that has a result beats location on copy, adding and recall")
    # Its second seed ran out of time: not solved, whatever the first one scored.
    assert not about(told, "adding: solved", "transformer")


def test_nothing_is_said_of_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "results.sqlite").close()
    assert find(read(tmp_path)) == []
