"""Greedy decoding against a loop that runs the whole forward again for each word, and BLEU by hand."""

import math

import pytest
import torch

from mechanisms import MODELS
from runner.training.data import Examples
from runner.training.decode import bleu, decode, score_decoded
from runner.training.network import Network
from tasks import TASKS, Batch, Bounds, Classes, Task, Tokens


class Repeat(Task):
    """Says the source again, then ends: with the shifted target as query."""

    leaks = True
    feeds_back = True

    def __init__(self):
        self.source_space, self.query_space, self.target_space = Tokens(5, "s"), Tokens(7, "t"), Classes(6)

    def sample(self, length, size, generator):
        source = torch.randint(5, (size, length), generator=generator)
        target = torch.cat([source, torch.full_like(source[:, :1], 5)], dim=1)
        query = torch.cat([torch.full_like(source[:, :1], 6), source], dim=1)
        return Batch(source, query, target, torch.ones_like(target, dtype=torch.bool))

    def chance(self, length):
        return 1 / 5

    def ceiling(self, length):
        return 1.0

    def answer(self, batch):
        return torch.cat([batch.source, torch.full_like(batch.source[:, :1], 5)], dim=1)


def network(model):
    torch.manual_seed(3)
    return Network.for_task(MODELS[model](8), Repeat(), 8).eval()


@pytest.mark.parametrize("model", ["lstm", "rnn_attention", "transformer", "transformer_encoder_decoder"])
def test_equals_running_the_whole_again_for_each_word(model):
    ours = network(model)
    batch = Repeat().sample(7, 3, torch.Generator().manual_seed(1))
    said = batch.query[:, :1]
    for _ in range(8):
        hidden = ours.model(*ours.embedding(batch.source, said))
        said = torch.cat([said, ours.readout(hidden[:, -1]).argmax(1, keepdim=True)], dim=1)
    assert torch.equal(decode(ours, batch), said[:, 1:])


class Says(Network):
    """A decoder that says what it was told to, whatever is asked."""

    def __init__(self, words):
        torch.nn.Module.__init__(self)
        self.words = words
        self.source = self.query = lambda tokens: tokens

    @property
    def model(self):
        return self

    embedding = model

    def start(self, source):
        return 0

    def step(self, query, state):
        return self.words[:, state], state + 1

    def readout(self, hidden):
        return torch.nn.functional.one_hot(hidden, 6).float()


def test_scores_by_hand():
    """One of two is right up to its end, which is 5; what is said behind the end counts neither way."""
    target = torch.tensor([[1, 2, 3, 4, 5, 5], [1, 2, 3, 4, 2, 5]])
    said = torch.tensor([[1, 2, 3, 4, 5, 0], [1, 0, 3, 4, 2, 5]])
    scored = torch.tensor([[True] * 5 + [False], [True] * 6])
    batch = Batch(target[:, :5], target, target, scored)
    found = score_decoded(Says(said), Examples(5, [batch], Bounds(0.2, 1.0)), end=5)
    assert found.exact == 0.5
    assert found.bleu == pytest.approx(bleu(["a b c d", "a X c d b"], ["a b c d", "a b c d b"]))


def test_answers_of_nan_are_wrong():
    """The targets are class 0, which is what argmax takes NaN for."""

    class SaysNothing(Says):
        def readout(self, hidden):
            return torch.full((len(hidden), 6), math.nan)

    target = torch.zeros(2, 4, dtype=torch.long)
    batch = Batch(target, target, target, torch.ones_like(target, dtype=torch.bool))
    found = score_decoded(SaysNothing(target), Examples(4, [batch], Bounds(0.2, 1.0)), end=5)
    assert (found.exact, found.bleu) == (0.0, 0.0)


@pytest.mark.parametrize("words", [1, 2, 3, 4, 7])
def test_a_perfect_corpus_of_any_length_has_100(words):
    corpus = [" ".join(f"{sentence}{place}" for place in range(words)) for sentence in range(3)]
    assert bleu(corpus, corpus) == pytest.approx(100)


def test_bleu_of_short_sentences_by_hand():
    """References of two words: 3 of 4 words, 1 of 2 pairs. With one longer reference, four in a row count as before."""
    assert bleu(["a b", "a X"], ["a b", "a b"]) == pytest.approx(100 * math.sqrt(3 / 4 * 1 / 2))
    assert bleu(["a", "a"], ["a b", "a b"]) < 40, "too short an answer has no pair, and the brevity penalty"
    from sacrebleu import corpus_bleu

    answers, references = ["a b c d", "a X"], ["a b c d", "a b"]
    assert bleu(answers, references) == corpus_bleu(answers, [references], tokenize="none", force=True).score


def test_bleu_by_hand():
    """Papineni et al. 2002: matches of 1 to 4 words, 7/8, 4/6, 2/4, 1/2, and no brevity penalty."""
    expected = 100 * math.exp(sum(map(math.log, (7 / 8, 4 / 6, 2 / 4, 1 / 2))) / 4)
    assert bleu(["a b c d", "a X c d"], ["a b c d", "a b c d"]) == pytest.approx(expected)
    assert bleu(["1 2 3 4"], ["1 2 3 4"]) == pytest.approx(100)
    short = bleu(["1 2 3 4"], ["1 2 3 4 5 6"])
    assert short == pytest.approx(100 * math.exp(1 - 6 / 4)), "the brevity penalty"


def test_only_tasks_that_feed_back_are_decoded():
    assert not any(TASKS[name].feeds_back for name in ("copy", "recall", "adding"))
