"""The distribution of the sentences of the translation task, and that of the next word of a translation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, product
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .lexicon import NOTHING, Category, Lexicon

UNIT = 2**40  # probabilities of clauses are whole numbers, so that samples are the same on every platform


class Shapes(NamedTuple):
    """Every shape of a clause, by number. The last has no word, and pads the rows with fewer clauses."""

    words: Int[Tensor, "n"]
    determiners: Int[Tensor, "n"]
    subject: Int[Tensor, "n"]  # the number of target words in the subject
    verb: Int[Tensor, "n"]  # the slot of the verb
    categories: Int[Tensor, "n slots"]
    places: Int[Tensor, "n slots"]  # in a target clause with an inseparable verb; NOTHING for a determiner
    thresholds: Int[Tensor, "lengths*n"]  # with `left` words left, of left * UNIT + a draw below UNIT


@lru_cache(maxsize=64)
def clause_shapes(modifiers: int, length: int, device: torch.device) -> Shapes:
    """Tabulate the shapes, and the probability of each with up to `length` words left."""
    phrases = list(product((0, 1), range(modifiers + 1)))
    shapes = [(subject,) for subject in phrases] + list(product(phrases, phrases))
    layouts = [_layout(*shape) for shape in shapes]
    words = [len(layout) for layout in layouts]
    padded = [layout + [(0, NOTHING)] * (max(words) - len(layout)) for layout in [*layouts, []]]
    tables = {
        "words": [*words, 0],
        "determiners": [*(sum(determiner for determiner, _ in shape) for shape in shapes), 0],
        "subject": [*(shape[0][1] + 1 for shape in shapes), 0],
        "verb": [*(sum(shape[0]) + 1 for shape in shapes), 0],
        "categories": [[category for category, _ in layout] for layout in padded],
        "places": [[place for _, place in layout] for layout in padded],
        "thresholds": _thresholds([0.5 / len(phrases) ** len(shape) for shape in shapes], words, length),
    }
    return Shapes(**{name: torch.tensor(table, device=device) for name, table in tables.items()})


def _layout(subject: tuple[int, int], object_: tuple[int, int] | None = None) -> list[tuple[int, int]]:
    """Return category and target place of each word of a clause, given the modifiers of its phrases."""
    before = subject[1] + 1
    if object_ is None:
        return [*_phrase(*subject, 0), (Category.INTRANSITIVE, before)]
    verb = (Category.TRANSITIVE, before + object_[1] + 1)
    return [*_phrase(*subject, 0), verb, *_phrase(*object_, before)]


def _phrase(determiners: int, adjectives: int, place: int) -> list[tuple[int, int]]:
    """Lay out [determiner] adjectives noun in the source; in the target, from `place` on, the order is reversed."""
    described: list[tuple[int, int]] = [(Category.ADJECTIVE, place + adjectives - i) for i in range(adjectives)]
    return [(Category.DETERMINER, NOTHING)] * determiners + described + [(Category.NOUN, place)]


def _thresholds(weights: list[float], words: list[int], length: int) -> list[int]:
    """Return the cumulative probabilities of the next shape, for every number of words left."""
    ways, thresholds = [1.0], [0] * len(words) + [UNIT]
    for left in range(1, length + 1):
        terms = [w * ways[left - n] if n <= left else 0.0 for w, n in zip(weights, words, strict=True)]
        ways.append(sum(terms))
        shares = [total / ways[-1] if ways[-1] else 1.0 for total in accumulate([*terms, 0.0])]
        thresholds += [left * UNIT + int(share * UNIT) for share in shares]
    return thresholds


class Sentences(NamedTuple):
    """The clauses of a batch of sentences, and the clause, the category and the place of each word."""

    start: Int[Tensor, "b clauses"]  # a clause without words starts at the full stop, and has its verb there
    verb: Int[Tensor, "b clauses"]
    subject: Int[Tensor, "b clauses"]
    translated: Int[Tensor, "b clauses"]  # the number of words that are not determiners
    clause: Int[Tensor, "b s"]
    category: Int[Tensor, "b s"]
    place: Int[Tensor, "b s"]
    after_subject: Bool[Tensor, "b s"]


def draw_sentences(modifiers: int, length: int, size: int, generator: torch.Generator) -> Sentences:
    """Sample sentences of `length` words: independent clauses, given that they have `length` words together."""
    device = generator.device
    shapes = clause_shapes(modifiers, length, device)
    clauses = _draw_clauses(shapes, length, size, generator)
    words, verb = shapes.words[clauses], shapes.verb[clauses]
    start = words.cumsum(1) - words
    starts = torch.zeros(size, length + 1, dtype=torch.long, device=device).scatter_(1, start, 1)
    clause = starts[:, :length].cumsum(1) - 1
    slot = torch.arange(length, device=device) - start.gather(1, clause)
    cell = clauses.gather(1, clause) * shapes.places.shape[1] + slot
    return Sentences(
        start=start,
        verb=start + verb,
        subject=shapes.subject[clauses],
        translated=words - shapes.determiners[clauses],
        clause=clause,
        category=shapes.categories.take(cell),
        place=shapes.places.take(cell),
        after_subject=slot >= verb.gather(1, clause),
    )


def _draw_clauses(shapes: Shapes, length: int, size: int, generator: torch.Generator) -> Int[Tensor, "size clauses"]:
    """Sample shapes one after another, each with its probability given the number of words left."""
    count = len(shapes.words)
    draws = torch.randint(UNIT, (length // 2, size), generator=generator, device=generator.device)
    left, clauses = torch.full((size,), length, device=generator.device), []
    for draw in draws:
        clauses.append(torch.searchsorted(shapes.thresholds, left * UNIT + draw, right=True) - left * count)
        left = left - shapes.words[clauses[-1]]
    return torch.stack(clauses, dim=1)


@dataclass(frozen=True)
class Prefix:
    """The clause of a translation so far: its phrases, the adjectives of the last phrase, sense and particle."""

    phrases: int = 0
    adjectives: int = 0
    sense: int | None = None
    separable: bool = False


START, END = Prefix(), Prefix(phrases=3)


class Move(NamedTuple):
    """A kind of next target word: its query tokens, how many are possible, the weight of each, and what it uses up."""

    state: Prefix
    words: range
    number: int
    weight: float
    nouns: int
    source_words: int  # determiners not counted


def moves(prefix: Prefix, lexicon: Lexicon, modifiers: int) -> Iterator[Move]:
    """Yield the kinds of words that may follow. The product of the weights in a clause is its probability."""
    adjectives, _, particles, stems, end, _ = lexicon.target
    if prefix == END:
        return
    if prefix == START:
        yield Move(END, end, 1, 1.0, 0, 0)
        yield from _nouns(prefix, 1.0, lexicon)
    elif prefix.phrases == 1 and prefix.separable:
        yield from _nouns(prefix, 1.0, lexicon)
    else:
        stop = 1 / (modifiers + 1 - prefix.adjectives)
        if prefix.adjectives < modifiers:
            more = replace(prefix, adjectives=prefix.adjectives + 1)
            yield Move(more, adjectives, len(adjectives), (1 - stop) / len(adjectives), 0, 1)
        if prefix.phrases == 1:
            yield from _nouns(prefix, stop, lexicon)
            particle = Prefix(phrases=1, sense=prefix.sense, separable=True)
            yield Move(particle, particles, len(particles), stop, 0, 0)
        yield Move(START, stems, _verbs(prefix, lexicon), stop / lexicon.verbs, 0, 1)


def _nouns(prefix: Prefix, weight: float, lexicon: Lexicon) -> Iterator[Move]:
    nouns, ambiguous = lexicon.target[1], lexicon.ambiguous
    groups = ((0, nouns[:ambiguous]), (None, nouns[ambiguous : lexicon.nouns]), (1, nouns[lexicon.nouns :]))
    for sense, words in groups:
        if words and (sense is None or prefix.sense in (None, sense)):
            known = prefix.sense if sense is None else sense
            after = Prefix(prefix.phrases + 1, 0, known, prefix.separable)
            yield Move(after, words, len(words), weight / lexicon.nouns, 1, 1)


def _verbs(prefix: Prefix, lexicon: Lexicon) -> int:
    """Count the verbs that agree with the clause so far."""
    count = lexicon.verbs // 2
    if prefix.phrases == 2:
        count //= 2 * (lexicon.particles if prefix.separable else 1)
    return count if prefix.sense is None else count // 2


class NextWordDistribution:
    """Probabilities of the next word of a translation, given the words before it and the length of the source.

    Only the number of dropped determiners is unknown: each of the m nouns so far has one with probability 1/2, and the
    number of source words left depends on it. So a prefix is described by m, the number c of other source words that it
    used up, and the state s of its last clause. Tables are indexed [m, c, s].
    """

    def __init__(self, lexicon: Lexicon, modifiers: int, length: int) -> None:
        self.lexicon, self.length = lexicon, length
        states, self.edges = {START: 0}, list[tuple[int, int, Move]]()
        for prefix in (queue := [START]):
            for move in moves(prefix, lexicon, modifiers):
                if move.state not in states:
                    states[move.state] = len(states)
                    queue.append(move.state)
                self.edges.append((states[prefix], states[move.state], move))
        self.states, self.end = len(states), states[END]
        ahead = self._ahead()
        reached = ahead[:-1, :-1]
        best, entropy = self._best(ahead), self._weighted_entropy(ahead)
        self.accuracy, self.entropy = self._expected(best, reached), self._expected(entropy, reached)
        self._guess, self._entropy = ((of / reached).nan_to_num(0.0) for of in (best, entropy))

    def chances(self, query: Int[Tensor, "b q"]) -> tuple[Float[Tensor, "b q"], Float[Tensor, "b q"]]:
        """Return the probability of the most probable next word and the entropy of it, in nats, at each query."""
        query = query.cpu()
        after, nouns, words = self._transitions()
        state, states = torch.zeros(len(query), dtype=torch.long), []
        for token in query.unbind(1):
            state = after[state, token]
            states.append(state)
        prefix = nouns[query].cumsum(1), words[query].cumsum(1), torch.stack(states, dim=1)
        return self._guess[prefix], self._entropy[prefix]

    def _transitions(self) -> tuple[Int[Tensor, "states words"], Int[Tensor, "words"], Int[Tensor, "words"]]:
        """Return the state after each query token, and what each token adds to m and to c."""
        tokens = self.lexicon.beginning + 1
        after = torch.full((self.states, tokens), self.end)
        nouns, words = torch.zeros(2, tokens, dtype=torch.long).unbind()
        for state, following, move in self.edges:
            tokens_of_move = slice(move.words.start, move.words.stop)
            after[state, tokens_of_move] = following
            nouns[tokens_of_move], words[tokens_of_move] = move.nouns, move.source_words
        after[0, self.lexicon.beginning] = 0
        return after, nouns, words

    def _matrix(self, nouns: int, source_words: int) -> Float[Tensor, "states states"]:
        """Return the total weight of the moves from state to state that use up these numbers of words."""
        matrix = torch.zeros(self.states, self.states, dtype=torch.float64)
        for state, following, move in self.edges:
            if (move.nouns, move.source_words) == (nouns, source_words):
                matrix[state, following] += move.number * move.weight
        return matrix

    def _ahead(self) -> Float[Tensor, "m_more c_more s"]:
        """Return the total weight of all continuations to a whole sentence, averaged over the dropped determiners."""
        noun, word, free = self._matrix(1, 1), self._matrix(0, 1), self._matrix(0, 0)
        ways = torch.zeros(self.length + 3, self.states, dtype=torch.float64)  # by words left, after two rows of zeros
        ways[2, self.end] = 1.0
        for left in range(2, len(ways)):
            ways[left] += word @ ways[left - 1] + noun @ (ways[left - 1] + ways[left - 2]) / 2
            ways[left] += free @ ways[left]
        ahead = [ways[1:].flip(0)]
        for _ in range(2 * self.length // 3 + 1):
            ahead.append((ahead[-1] + torch.cat([ahead[-1][1:], torch.zeros_like(ways[:1])])) / 2)
        return torch.stack(ahead)

    def _best(self, ahead: Float[Tensor, "m_more c_more s"]) -> Float[Tensor, "m c s"]:
        """Return the weight of the most probable next word with all its continuations."""
        best = torch.zeros_like(ahead[:-1, :-1])
        nouns, words, _ = best.shape
        for state, following, move in self.edges:
            after = ahead[move.nouns :, move.source_words :, following][:nouns, :words]
            best[:, :, state] = torch.maximum(best[:, :, state], move.weight * after)
        return best

    def _weighted_entropy(self, ahead: Float[Tensor, "m_more c_more s"]) -> Float[Tensor, "m c s"]:
        """Return the entropy of the next word, times the weight of all continuations."""
        reached = ahead[:-1, :-1]
        entropy = torch.zeros_like(reached)
        nouns, words, _ = entropy.shape
        for state, following, move in self.edges:
            after = move.weight * ahead[move.nouns :, move.source_words :, following][:nouns, :words]
            share = (after / reached[:, :, state]).nan_to_num(0.0)
            entropy[:, :, state] -= move.number * torch.special.xlogy(after, share)
        return entropy

    def _expected(self, best: Float[Tensor, "m c s"], ahead: Float[Tensor, "m c s"]) -> float:
        """Return the mean over all words of all translations of what `best` has, such as the best guess's accuracy."""
        noun, word, free = self._matrix(1, 1), self._matrix(0, 1), self._matrix(0, 0)
        free[:, self.end] = 0.0
        reached = torch.zeros_like(best[:, 0])  # the total weight of the prefixes with this c, determiners aside
        reached[0, 0] = 1.0
        right = total = 0.0
        for used in range(best.shape[1]):
            right += float((reached * best[:, used]).sum())
            total += float((reached * ahead[:, used]).sum())
            before, reached = reached, reached @ word
            reached[1:] += before[:-1] @ noun
            reached += reached @ free
        return right / total
