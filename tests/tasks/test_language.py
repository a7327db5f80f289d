"""Language, masked language and next sentence, against enumeration of all texts and all that can befall them."""

import math
from collections import defaultdict
from itertools import product

import pytest
import torch

from registry import SpecError
from tasks import TASKS, Batch, Distribution, Tokens
from tasks.sources.hidden_markov import HiddenMarkov
from tasks.sources.text import SOURCES

NAMES = ("language", "masked_language", "next_sentence")
WORDS = 3
MASK, CLS, SEP = 3, 4, 5


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def make(name, **settings):
    """A task on a language of six states, small enough to enumerate."""
    task = TASKS[name](symbols=WORDS, language=5, **settings)
    task.distribution = HiddenMarkov(WORDS, 5, topics=2, classes=3)
    return task


def distribution_of_texts(length):
    """P(text) of every text, by one unscaled product of matrices each."""
    distribution = make("language").distribution
    found = {}
    for text in product(range(WORDS), repeat=length):
        state = torch.full((6,), 1 / 6, dtype=torch.float64)
        for word in text:
            state = (state * distribution.emission[:, word]) @ distribution.transition
        found[text] = state.sum().item()
    return found


def normalised(weights):
    return [weight / sum(weights) for weight in weights]


def entropy(distribution):
    return -sum(p * math.log(p) for p in distribution if p)


def question(source, query):
    query = torch.tensor([query])
    return Batch(torch.tensor([source]), query, torch.zeros_like(query), torch.ones_like(query, dtype=torch.bool))


def within_a_hundredth_of_the_gap(task, length, exact, chance):
    """`ceiling` promises a standard error of 1 % of the gap; three of them are allowed."""
    assert task.chance(length) == pytest.approx(chance, abs=1e-12)
    assert task.ceiling(length) == pytest.approx(exact, abs=0.03 * abs(exact - chance))


# All three


def test_the_vocabulary_is_shared():
    tasks = [TASKS[name](symbols=13, language=2) for name in NAMES]
    spaces = {space for task in tasks for space in (task.source_space, task.query_space)}
    assert spaces == {Tokens(16, "hidden_markov language 2")}
    assert all(task.words("source")[13:] == ["[mask]", "[cls]", "[sep]"] for task in tasks)
    assert all(len(set(task.words("query"))) == 16 for task in tasks)
    assert [len(task.words("target")) for task in tasks] == [13, 13, 2]
    assert TASKS["language"]().source_space != TASKS["language"](language=1).source_space
    assert TASKS["language"](text="context_free").source_space == Tokens(35, "context_free language 0")


def test_the_metric_is_cross_entropy_where_words_are_predicted():
    assert TASKS["language"]().target_space == TASKS["masked_language"]().target_space == Distribution(32)
    assert not isinstance(TASKS["next_sentence"]().target_space, Distribution)


@pytest.mark.parametrize("name", NAMES)
def test_impossible_settings_are_refused(name):
    with pytest.raises(ValueError, match="symbols is 1, but must be at least 2"):
        TASKS[name](symbols=1)
    with pytest.raises(SpecError, match="unknown text 'prose'"):
        TASKS[name](text="prose")


@pytest.mark.parametrize(
    ("name", "length", "message"),
    [
        ("language", 1, "length is 1, but must be at least 2: one word to read and one to predict"),
        ("masked_language", 0, "length is 0, but must be at least 1"),
        ("next_sentence", 7, "length is 7, but must be even and at least 2"),
        ("next_sentence", 0, "length is 0, but must be even and at least 2"),
    ],
)
def test_impossible_lengths_are_refused(name, length, message):
    with pytest.raises(ValueError, match=message):
        TASKS[name]().sample(length, 3, stream())


@pytest.mark.parametrize(("name", "length"), [(name, length) for name in NAMES for length in (2, 38)])
def test_bounds_of_examples_are_near_the_expected_ones(name, length):
    task = TASKS[name](symbols=11)
    batches = [task.sample(length, size, stream(size)) for size in (1999, 2011)]
    chance, ceiling, *_ = task.bounds(length, batches)
    assert chance == pytest.approx(task.chance(length), abs=0.05)
    assert ceiling == pytest.approx(
        task.ceiling(length), abs=0.05 * abs(task.chance(length) - task.ceiling(length)) + 0.04
    )


def test_the_text_can_be_given_with_settings():
    spec = TASKS.spec({"language": {"symbols": 13, "text": {"context_free": {"classes": 5}}}})
    assert spec.settings["text"] == SOURCES.spec({"context_free": {"classes": 5}})
    assert len(spec.build().distribution.words) == 2 * 5
    assert TASKS.spec("language").settings["text"].settings == {"topics": 4, "classes": 16}


@pytest.mark.parametrize("text", list(SOURCES))
@pytest.mark.parametrize("name", NAMES)
def test_every_source_of_text_serves(name, text):
    task = TASKS[name](symbols=7, text=text)
    batch = task.sample(6, 499, stream())
    chance, ceiling, *_ = task.bounds(6, [batch])
    better = ceiling > chance if name == "next_sentence" else ceiling < chance
    assert better
    assert batch.source.max() < task.source_space.size
    assert (chance, ceiling) == pytest.approx((task.chance(6), task.ceiling(6)), abs=0.1)


@pytest.mark.parametrize("name", ["language", "masked_language"])
def test_bounds_are_the_mean_losses_over_scored_positions(name):
    task = make(name)
    batches = [task.sample(7, size, stream(size)) for size in (5, 11)]
    losses, frequencies = [], task.distribution.marginal(7)
    for batch in batches:
        for row, column in batch.scored.nonzero().tolist():
            word = batch.target[row, column]
            losses.append(
                (-frequencies[0, word].log().item(), -task.log_probabilities(batch)[row, column, word].item())
            )
    assert task.bounds(7, batches)[:2] == pytest.approx(torch.tensor(losses, dtype=torch.float64).mean(0).tolist())


def test_the_error_of_bounds_is_that_of_texts_drawn_again():
    """The standard deviation of chance - ceiling over 400 draws of 64 texts; it is known to 4 %."""
    task = make("masked_language")
    drawn = [task.bounds(7, [task.sample(7, 64, stream(seed))]) for seed in range(400)]
    gains, errors = (torch.tensor(x) for x in zip(*((b.chance - b.ceiling, b.error) for b in drawn), strict=True))
    assert float(errors.mean()) == pytest.approx(float(gains.std()), rel=0.15)


@pytest.mark.parametrize("name", ["language", "next_sentence"])
@pytest.mark.parametrize("symbols", [2, 3])
def test_a_score_is_given_only_where_the_ideal_reader_is_clearly_better(name, symbols):
    """With two words and few symbols it gains next to nothing: less than chance by luck, on many draws of 64 texts."""
    task, given = TASKS[name](symbols=symbols), 0
    for seed in range(100):
        bounds = task.bounds(2, [task.sample(2, 64, stream(seed))])
        gain = (bounds.chance - bounds.ceiling) * (-1 if name == "next_sentence" else 1)
        score = task.target_space.normalised(bounds.chance, bounds)
        assert math.isnan(score) == (gain <= 2 * bounds.error)
        given += not math.isnan(score)
    assert given <= 10, "2 or 3 by luck alone, and there is a little to gain"


@pytest.mark.parametrize("name", ["language", "masked_language"])
def test_the_answer_is_the_most_probable_word(name):
    task = TASKS[name]()
    batch = task.sample(31, 101, stream())
    probabilities = task.log_probabilities(batch).exp()
    torch.testing.assert_close(probabilities.sum(2), torch.ones_like(probabilities[..., 0]))
    best = probabilities.gather(2, task.answer(batch).unsqueeze(2)).squeeze(2)
    assert (best >= probabilities.max(2).values).all()
    right = (task.answer(batch) == batch.target)[batch.scored].double()
    assert right.mean().item() == pytest.approx(best[batch.scored].mean().item(), abs=4 * 0.5 / len(right) ** 0.5)


# Language


@pytest.mark.parametrize(("length", "read"), [(2, 1), (7, 3), (8, 4)])
def test_language_layout(length, read):
    batch = make("language").sample(length, 41, stream())
    text = torch.cat([batch.source, batch.target], dim=1)
    assert batch.source.shape == (41, read)
    assert text.shape == (41, length)
    assert text.max() < WORDS
    assert (batch.query[:, 0] == CLS).all()
    assert torch.equal(batch.query[:, 1:], batch.target[:, :-1])
    assert batch.scored.all()


@pytest.mark.reference("task", "language")
@pytest.mark.parametrize("length", [2, 5])
def test_language_predicts_with_the_conditional_law_of_the_texts(length):
    task, distribution, half = make("language"), distribution_of_texts(length), length // 2
    floor = 0.0
    for text, probability in distribution.items():
        found = task.log_probabilities(question(text[:half], (CLS, *text[half:-1])))[0].exp().tolist()
        for t in range(half, length):
            same = [(other, p) for other, p in distribution.items() if other[:t] == text[:t]]
            expected = normalised([sum(p for other, p in same if other[t] == word) for word in range(WORDS)])
            assert found[t - half] == pytest.approx(expected, abs=1e-12)
            floor -= probability * math.log(expected[text[t]]) / (length - half)
    frequencies = [sum(p for text, p in distribution.items() if text[0] == word) for word in range(WORDS)]
    within_a_hundredth_of_the_gap(task, length, floor, entropy(frequencies))


def test_language_predictions_do_not_look_ahead():
    task = make("language")
    batch = task.sample(9, 17, stream())
    changed = batch.query.clone()
    changed[:, 3:] = (changed[:, 3:] + 1) % WORDS
    other = Batch(batch.source, changed, batch.target, batch.scored)
    assert torch.equal(task.log_probabilities(batch)[:, :3], task.log_probabilities(other)[:, :3])


# Masked language


def corrupted(length):
    """Every (text, selection, what is seen) with its probability, given that something is selected."""
    something = 1 - 0.85**length
    outcomes = [(MASK, 0.8), (None, 0.1), *((word, 0.1 / WORDS) for word in range(WORDS))]
    for text, probability in distribution_of_texts(length).items():
        for selection in product((False, True), repeat=length):
            if any(selection):
                chosen = math.prod(0.15 if each else 0.85 for each in selection) / something
                kinds = [outcomes if each else [(None, 1.0)] for each in selection]
                for happened in product(*kinds):
                    seen = tuple(word if kind is None else kind for word, (kind, _) in zip(text, happened, strict=True))
                    yield text, selection, seen, probability * chosen * math.prod(p for _, p in happened)


@pytest.mark.reference("task", "masked_language")
@pytest.mark.parametrize("length", [1, 3])
def test_masked_language_restores_with_the_exact_posterior(length):
    """P(word | what is seen, this position is selected), over all texts, selections and corruptions."""
    task = make("masked_language")
    joint = defaultdict(lambda: [0.0] * WORDS)
    for text, selection, seen, probability in corrupted(length):
        for t in range(length):
            if selection[t]:
                joint[seen, t][text[t]] += probability
    assert len(joint) == 4**length * length
    for (seen, t), weights in joint.items():
        found = task.log_probabilities(question((CLS,), seen))[0, t].exp().tolist()
        assert found == pytest.approx(normalised(weights), abs=1e-12)
    scored = sum(map(sum, joint.values()))
    floor = sum(sum(weights) * entropy(normalised(weights)) for weights in joint.values()) / scored
    by_word = [sum(weights[word] for weights in joint.values()) / scored for word in range(WORDS)]
    within_a_hundredth_of_the_gap(task, length, floor, entropy(by_word))


def test_masked_language_is_corrupted_as_often_as_the_law_says():
    expected, drawn = defaultdict(float), 50_000
    for text, selection, seen, probability in corrupted(2):
        expected[text, selection, seen] += probability
    batch = make("masked_language").sample(2, drawn, stream())
    found = defaultdict(int)
    for row in zip(*(each.tolist() for each in (batch.target, batch.scored, batch.query)), strict=True):
        found[tuple(map(tuple, row))] += 1
    assert set(found) <= set(expected)
    deviations = [(found[key] - drawn * p) ** 2 / (drawn * p) for key, p in expected.items() if drawn * p > 5]
    assert sum(deviations) / len(deviations) == pytest.approx(1, abs=4 * math.sqrt(2 / len(deviations)))


def test_masked_language_selects_masks_replaces_and_keeps_as_bert_does():
    task = TASKS["masked_language"](symbols=29)
    batch = task.sample(61, 3001, stream())
    assert batch.scored.any(1).all()
    assert (batch.source == task.start).all()
    assert batch.source.shape == (3001, 1)
    assert torch.equal(batch.query[~batch.scored], batch.target[~batch.scored])
    places = batch.scored.double().mean(0)
    assert (places - 0.15 / (1 - 0.85**61)).abs().max() < 4 * math.sqrt(0.15 * 0.85 / 3001)
    seen, true = batch.query[batch.scored], batch.target[batch.scored]
    masked, same = (seen == task.mask).double().mean().item(), (seen == true).double().mean().item()
    error = math.sqrt(0.25 / len(true))
    assert masked == pytest.approx(0.8, abs=4 * error)
    assert same == pytest.approx(0.1 + 0.1 / 29, abs=4 * error)


def test_a_lone_word_is_always_selected():
    assert make("masked_language").sample(1, 101, stream()).scored.all()


# Next sentence


def test_next_sentence_layout():
    batch = make("next_sentence").sample(8, 43, stream())
    assert batch.source.shape == (43, 9)
    assert (batch.source[:, 4] == SEP).all()
    assert batch.source[:, [0, 1, 2, 3, 5, 6, 7, 8]].max() < WORDS
    assert (batch.query == CLS).all()
    assert batch.query.shape == (43, 1)
    assert batch.scored.all()


def halves(length):
    """P(text) and the product of P(first half) and P(second half), of every text."""
    distribution, half = distribution_of_texts(length), length // 2
    first, second = defaultdict(float), defaultdict(float)
    for text, p in distribution.items():
        first[text[:half]] += p
        second[text[half:]] += p
    return {text: (p, first[text[:half]] * second[text[half:]]) for text, p in distribution.items()}


@pytest.mark.reference("task", "next_sentence")
@pytest.mark.parametrize("length", [2, 4])
def test_next_sentence_is_told_by_the_bayes_classifier(length):
    task, half, ceiling = make("next_sentence"), length // 2, 0.0
    for text, (follows, random) in halves(length).items():
        batch = question((*text[:half], SEP, *text[half:]), (CLS,))
        expected = follows / (follows + random)
        assert task.log_odds(batch).sigmoid().item() == pytest.approx(expected, abs=1e-12)
        assert task.answer(batch).item() == (expected > 0.5)
        assert task.expected_score(batch).item() == pytest.approx(max(expected, 1 - expected), abs=1e-12)
        ceiling += max(follows, random) / 2
    within_a_hundredth_of_the_gap(task, length, ceiling, 0.5)


def test_next_sentences_are_drawn_as_often_as_the_law_says():
    drawn, expected = 50_000, halves(4)
    batch = make("next_sentence").sample(4, drawn, stream())
    found = defaultdict(int)
    for source, (label,) in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        found[tuple(source[:2] + source[3:]), label] += 1
    deviations = []
    for text, (follows, random) in expected.items():
        deviations += [
            (found[text, label] - drawn * p / 2) ** 2 / (drawn * p / 2) for label, p in ((1, follows), (0, random))
        ]
    assert sum(deviations) / len(deviations) == pytest.approx(1, abs=4 * math.sqrt(2 / len(deviations)))


def test_next_sentence_oracle_is_right_as_often_as_it_expects():
    task = TASKS["next_sentence"]()
    batch = task.sample(22, 4001, stream())
    right = (task.answer(batch) == batch.target).double().mean().item()
    expected = task.expected_score(batch)
    assert right == pytest.approx(
        expected.mean().item(), abs=4 * (expected * (1 - expected)).mean().sqrt().item() / 4001**0.5
    )
    assert expected.mean().item() > 0.9


def test_next_sentence_cannot_be_told_from_the_second_half_alone():
    batch = TASKS["next_sentence"](symbols=5).sample(2, 40_000, stream())
    table = torch.zeros(2, 5, dtype=torch.float64)
    table.index_put_((batch.target[:, 0], batch.source[:, 2]), torch.ones(40_000, dtype=torch.float64), accumulate=True)
    share = table / table.sum(1, keepdim=True)
    assert (share[0] - share[1]).abs().max() < 4 * math.sqrt(2 * 0.25 / 20_000)
