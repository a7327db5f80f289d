from __future__ import annotations

from pathlib import Path

import pytest

from tests.results.sentences import about, sentences


@pytest.mark.reference("view", "what_attention_changes")
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


def test_networks_of_one_model_are_named_by_their_labels(tmp_path: Path) -> None:
    scores = {f"{model}(layers={n})": [level] * 2 for model, level in (("rnn", 0.1), ("lstm", 0.5)) for n in (1, 2)}
    told = sentences(tmp_path / "a", scores | {"rnn(layers=2)": [0.4] * 2})
    for n, score, gap in ((1, 0.1, 0.4), (2, 0.4, 0.1)):
        gated = f"lstm(layers=1) (+{gap:.2f}) and lstm(layers=2) (+{gap:.2f})"
        assert about(told, f"{gated} are above the plain rnn(layers={n}), which has {score:.2f}.")
    bases = {f"rnn_encoder_decoder(layers={n})": [0.2 * n] * 2 for n in (1, 2)}
    hosts = {f"rnn_attention(layers={n}, dot)": [0.4 + 0.1 * n] * 2 for n in (1, 2)}
    told = sentences(tmp_path / "b", bases | hosts)
    for n, first, second in ((1, 0.4, 0.3), (2, 0.2, 0.1)):
        text = (
            f"layers={n}), {0.2 * n:.2f}, is raised most by attention with layers=2 (+{first:.2f}), also with layers=1"
        )
        assert about(told, text, f"(+{second:.2f})")


def test_what_declares_more_than_content_is_no_score_of_content_alone(tmp_path: Path) -> None:
    location, mine = "transformer(location)", "transformer(my_score)"
    told = sentences(tmp_path / "a", {location: [0.2, 0.2], mine: [0.9, 0.9]})
    assert about(told, "In transformer, every score of content alone beats location on copy, by 0.70")
    levels = {"location": 0.2, "dot": 0.9}
    several = {f"transformer(layers={n}, {name})": [level] * 2 for n in (1, 2) for name, level in levels.items()}
    assert about(sentences(tmp_path / "b", several), "every score of content alone beats location on copy, by 0.70")
    # One of the two beats it by less than the margin.
    close = several | {"transformer(layers=2, location)": [0.88] * 2}
    assert not about(sentences(tmp_path / "c", close), "beats location")
    layered = {"transformer(local_m)": [0.9, 0.9], "transformer(coverage)": [0.9, 0.9], location: [0.2, 0.2]}
    assert not about(sentences(tmp_path / "d", layered), "beats location")
