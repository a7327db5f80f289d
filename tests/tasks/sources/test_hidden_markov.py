"""The hidden Markov source against enumeration of all its texts and of all its hidden paths."""

import math
from itertools import pairwise, product

import pytest
import torch

from registry import SpecError
from tasks.sources.hidden_markov import HiddenMarkov
from tasks.sources.text import SOURCES, spell

WORDS, LENGTH = 3, 4


@pytest.fixture(scope="module")
def model():
    return HiddenMarkov(WORDS, 5, topics=2, classes=3)


@pytest.fixture(scope="module")
def texts():
    """All texts of LENGTH words, in the order of the table's entries."""
    return torch.tensor(list(product(range(WORDS), repeat=LENGTH)))


@pytest.fixture(scope="module")
def table(model):
    """P(text) of each text: the sum over all hidden paths, one by one."""
    transition, emission = model.transition.tolist(), model.emission.tolist()
    probabilities = []
    for text in product(range(WORDS), repeat=LENGTH):
        total = 0.0
        for path in product(range(6), repeat=LENGTH):
            steps = math.prod(transition[i][j] for i, j in pairwise(path))
            total += steps / 6 * math.prod(emission[i][word] for i, word in zip(path, text, strict=True))
        probabilities.append(total)
    return torch.tensor(probabilities, dtype=torch.float64)


def soft_evidence(size, seed=7):
    return torch.rand(size, LENGTH, WORDS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def agreement(table, texts, evidence):
    """P(text) times what the evidence says of its words."""
    return table * evidence[torch.arange(LENGTH), texts].prod(1)


def test_the_table_is_a_law(table):
    assert table.sum().item() == pytest.approx(1, abs=1e-12)


def test_likelihood_of_soft_evidence(model, table, texts):
    evidence = soft_evidence(11)
    expected = torch.stack([agreement(table, texts, each).sum() for each in evidence]).log()
    torch.testing.assert_close(model.log_likelihood(evidence), expected, rtol=0, atol=1e-12)


def test_likelihood_of_each_text_is_that_of_the_table(model, table, texts):
    found = model.log_likelihood(torch.nn.functional.one_hot(texts, WORDS).double())
    torch.testing.assert_close(found.exp(), table, rtol=1e-10, atol=1e-15)


def test_likelihood_of_nothing_seen_is_one(model):
    assert model.log_likelihood(torch.ones(1, 97, WORDS)).item() == pytest.approx(0, abs=1e-12)


def test_next_word(model, table, texts):
    found = model.next_word(texts).exp()
    for row, text in enumerate(texts):
        for t in range(LENGTH):
            same = (texts[:, :t] == text[:t]).all(1)
            joint = torch.stack([table[same & (texts[:, t] == word)].sum() for word in range(WORDS)])
            torch.testing.assert_close(found[row, t], joint / joint.sum(), rtol=0, atol=1e-12)


def test_others(model, table, texts):
    evidence = soft_evidence(13)
    found = model.others(evidence).exp()
    for row, each in enumerate(evidence):
        for t in range(LENGTH):
            without = each.clone()
            without[t] = 1
            joint = agreement(table, texts, without)
            joint = torch.stack([joint[texts[:, t] == word].sum() for word in range(WORDS)])
            torch.testing.assert_close(found[row, t], joint / joint.sum(), rtol=0, atol=1e-12)


def test_marginal(model, table, texts):
    for t in range(LENGTH):
        frequencies = torch.stack([table[texts[:, t] == word].sum() for word in range(WORDS)])
        torch.testing.assert_close(model.marginal(LENGTH)[t], frequencies, rtol=0, atol=1e-12)


def test_texts_are_drawn_as_often_as_the_table_says(model, table):
    drawn = 60_000
    text = model.sample(LENGTH, drawn, torch.Generator().manual_seed(3))
    entry = (text * WORDS ** torch.arange(LENGTH - 1, -1, -1)).sum(1)
    share = torch.bincount(entry, minlength=len(table)) / drawn
    error = (share - table) / (table * (1 - table) / drawn).sqrt()
    assert error.abs().max() < 4
    assert error.square().mean().item() == pytest.approx(1, abs=3 * math.sqrt(2 / len(table)))


@pytest.mark.parametrize("symbols", [2, 7, 33, 101])
def test_every_word_occurs_and_all_states_are_alike(symbols):
    model = HiddenMarkov(symbols, 1)
    assert model.emission.shape == (64, symbols)
    assert (model.marginal(1) > 0).all()
    ones = torch.ones(64, dtype=torch.float64)
    for rows in (model.transition.sum(0), model.transition.sum(1), model.emission.sum(1)):
        torch.testing.assert_close(rows, ones, rtol=0, atol=1e-12)


def test_a_topic_is_kept_31_times_of_32_and_a_class_has_two_followers():
    model = HiddenMarkov(23, 2, topics=5, classes=7)
    topic = torch.arange(35) // 7
    kept = (model.transition * (topic[:, None] == topic)).sum(1)
    torch.testing.assert_close(kept, torch.full((35,), 31 / 32, dtype=torch.float64))
    within = model.transition[:7, :7] * 32 / 31
    assert set(within.flatten().tolist()) <= {0, 0.25, 0.75, 1}


def test_all_topics_have_the_same_words():
    model = HiddenMarkov(23, 2, topics=5, classes=7)
    assert (model.emission.view(5, 7, 23) == model.emission[:7]).all()


def test_one_topic_and_one_class_make_independent_words():
    model = HiddenMarkov(5, topics=1, classes=1)
    text = model.sample(9, 3, torch.Generator().manual_seed(1))
    torch.testing.assert_close(model.next_word(text).exp(), model.marginal(9).expand(3, -1, -1))


def test_words_beyond_the_last_two_matter():
    """The entropy of a word: alone, given one, given two, and given all words before it."""
    model = HiddenMarkov(32)
    one, two, three = (_entropy(model, count) for count in (1, 2, 3))
    text = model.sample(67, 512, torch.Generator().manual_seed(1))
    rate = torch.special.entr(model.next_word(text)[:, 33:].exp()).sum(2).mean().item()
    assert [one, two - one, three - two, rate] == pytest.approx([3.434, 2.986, 2.259, 1.88], abs=0.01)


def _entropy(model, count):
    """The entropy of `count` words in a row, summed over all of them."""
    joint = model.emission / model.states
    for _ in range(count - 1):
        joint = torch.einsum("s...,st,tv->t...v", joint, model.transition, model.emission)
    return torch.special.entr(joint.sum(0)).sum().item()


def test_probabilities_of_a_long_text_neither_vanish_nor_break_the_chain_rule(model):
    text = model.sample(2003, 3, torch.Generator().manual_seed(2))
    chain = model.next_word(text).gather(2, text.unsqueeze(2)).sum((1, 2))
    whole = model.log_likelihood(torch.nn.functional.one_hot(text, WORDS).double())
    assert whole.isfinite().all()
    torch.testing.assert_close(whole, chain, rtol=1e-12, atol=0)


def test_an_impossible_text_has_probability_zero():
    model = HiddenMarkov(32, topics=1)
    text = torch.arange(32).repeat(1, 7)
    evidence = torch.nn.functional.one_hot(text, 32).double()
    assert model.log_likelihood(evidence).item() == -math.inf
    assert not model.others(evidence).isnan().any()


def test_a_language_is_its_number():
    torch.manual_seed(1)
    first = HiddenMarkov(17, 3)
    torch.manual_seed(2)
    again, other = HiddenMarkov(17, 3), HiddenMarkov(17, 4)
    assert torch.equal(first.transition, again.transition)
    assert torch.equal(first.emission, again.emission)
    assert not torch.equal(first.transition, other.transition)
    assert not torch.equal(first.emission, other.emission)


def test_no_states_are_refused():
    with pytest.raises(ValueError, match="symbols, topics and classes are 5, 0 and 16, but must be at least 1"):
        HiddenMarkov(5, topics=0)


def test_sources_are_chosen_by_name_and_settings():
    model = SOURCES.build("hidden_markov", 11, 2)
    assert isinstance(model, HiddenMarkov)
    assert (model.symbols, model.topics) == (11, 4)
    assert torch.equal(model.emission, HiddenMarkov(11, 2).emission)
    assert SOURCES.build({"hidden_markov": {"topics": 3}}, 11, 2).topics == 3


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("hidden_markof", r"unknown text 'hidden_markof'\. Did you mean 'hidden_markov'\?"),
        ("grammar", "unknown text 'grammar'"),
        ({"hidden_markov": {"language": 3}}, "text 'hidden_markov' has no setting 'language'"),
        ({"context_free": {"classes": "x"}}, "text 'context_free': classes is 'x'; a whole number was expected"),
    ],
)
def test_sources_that_do_not_exist_are_refused(choice, sentence):
    with pytest.raises(SpecError, match=sentence):
        SOURCES.spec(choice)


def test_modules_that_hold_no_source_are_none():
    assert list(SOURCES) == ["context_free", "hidden_markov"]
    assert not SOURCES.unavailable
    assert all(SOURCES[name].__module__ == f"tasks.sources.{name}" for name in SOURCES)


@pytest.mark.parametrize("name", list(SOURCES))
def test_every_source_names_its_publication(name):
    *_, last = SOURCES[name].__doc__.strip().splitlines()
    assert last.strip().startswith("Source: ")


def test_made_up_words_differ():
    assert spell(0) == "bame"
    assert len({spell(number) for number in range(15_000)}) == 15_000
