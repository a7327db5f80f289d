from __future__ import annotations

from pathlib import Path

from tests.results.sentences import about, sentences


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
