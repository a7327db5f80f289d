from __future__ import annotations

from pathlib import Path

import pytest

from tests.results.sentences import about, sentences

BASE, HOST = "rnn_encoder_decoder", "rnn_attention(dot)"


def five(*values: float) -> list[float]:
    """Return five scores with little noise around a mean, or those given."""
    return [values[0] + 0.01 * place for place in (-2, -1, 0, 1, 2)] if len(values) == 1 else list(values)


@pytest.mark.reference("view", "what_attention_changes")
def test_few_seeds_state_what_the_runs_scored(tmp_path: Path) -> None:
    told = sentences(tmp_path / "a", {BASE: [0.4, 0.42], HOST: [0.9, 0.94]})
    assert about(
        told,
        "Scores of rnn_encoder_decoder against rnn_attention (both seeds): copy 0.40 to 0.42 against 0.90 to 0.94.",
    )
    one = sentences(tmp_path / "b", {"rnn": [0.1], "gru": [0.5], "lstm": [0.6]})
    assert about(one, "Scores of rnn against lstm and gru (one seed): copy 0.10 against 0.50 to 0.60.")
    host = sentences(tmp_path / "c", {"transformer(location)": [0.2] * 4, "transformer(dot)": [0.9] * 4})
    words = (
        "Scores of location against score functions of content alone in transformer (4 seeds): copy 0.20 against 0.90."
    )
    assert about(host, words)
    for each in (told, one, host):
        assert not about(each, "higher")
        assert not about(each, "lower")


def test_attention_against_a_state_of_fixed_size(tmp_path: Path) -> None:
    told = sentences(tmp_path / "a", {BASE: five(0.4), HOST: five(0.9), "rnn_attention(cosine)": five(0.7)})
    start = "copy: the score is higher than 0.40 of rnn_encoder_decoder with attention with dot (+0.50 [0.48, 0.52])"
    assert about(told, f"{start} and attention with cosine (+0.30 [0.28, 0.32]).")
    assert not about(sentences(tmp_path / "b", {BASE: five(0.4), HOST: five(0.44)}), "higher")
    noisy = sentences(tmp_path / "c", {BASE: five(0.4, 0.9, 0.1, 0.8, 0.3), HOST: five(0.9, 0.8, 0.2, 0.4, 0.99)})
    assert not about(noisy, "higher")
    assert about(sentences(tmp_path / "d", {BASE: five(0.9), HOST: five(0.1)}), "lower than 0.90 of", "with dot (-0.80")


def test_content_against_location(tmp_path: Path) -> None:
    location, dot, additive = "transformer(location)", "transformer(dot)", "transformer(additive)"
    told = sentences(tmp_path / "a", {location: five(0.25), dot: five(0.9), additive: five(0.8)})
    words = "In transformer the score is higher with every score function of content alone than with location on copy"
    assert about(told, f"{words}, by 0.55 or more.")
    mixed = sentences(tmp_path / "b", {location: five(0.5), dot: five(0.9), additive: five(0.2)})
    assert not about(mixed, "higher")
    reverse = sentences(tmp_path / "c", {location: five(0.9), dot: five(0.1), additive: five(0.2)})
    assert about(reverse, "higher with location than with every score function of content alone on copy, by 0.70")


def test_gates(tmp_path: Path) -> None:
    told = sentences(tmp_path / "a", {"rnn": five(0.1), "gru": five(0.5), "lstm": five(0.11)})
    assert about(told, "copy: the score is higher than 0.10 of rnn with gru (+0.40")
    assert not about(told, "lstm (")
    assert not about(sentences(tmp_path / "b", {"rnn": five(0.5), "gru": five(0.53)}), "higher")


def test_networks_of_one_model_are_named_by_their_labels(tmp_path: Path) -> None:
    scores = {f"{model}(layers={n})": five(level) for model, level in (("rnn", 0.1), ("lstm", 0.5)) for n in (1, 2)}
    told = sentences(tmp_path / "a", scores | {"rnn(layers=2)": five(0.3)})
    for n, score, gap in ((1, 0.1, 0.4), (2, 0.3, 0.2)):
        start = f"higher than {score:.2f} of rnn(layers={n}) with lstm(layers=1) (+{gap:.2f}"
        assert about(told, start, f"and lstm(layers=2) (+{gap:.2f}")


def test_what_declares_more_than_content_is_no_score_of_content_alone(tmp_path: Path) -> None:
    location, mine = "transformer(location)", "transformer(my_score)"
    told = sentences(tmp_path / "a", {location: five(0.2), mine: five(0.9)})
    assert about(told, "every score function of content alone than with location on copy, by 0.70")
    layered = {"transformer(local_m)": five(0.9), "transformer(coverage)": five(0.9), location: five(0.2)}
    assert not about(sentences(tmp_path / "b", layered), "higher")
