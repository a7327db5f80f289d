"""Translation: translate a sentence from one invented language into another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from .sources.lexicon import NOTHING, Lexicon, translate, translate_linked
from .sources.translation_distribution import NextWordDistribution, draw_sentences
from .spaces import Bounds, Classes, Tokens
from .task import HIDDEN, TASKS, Batch, Part, Presets, Task


@TASKS.register("translation")
class Translation(Task):
    """Translate a sentence of `length` words and a full stop; the queries are the translation, shifted by one.

    With length=8 ("bonas" is separable, and "bonas" and "panin" require different senses of "kito"):

        source  la tera kito bonas le foto kito panin .
        query   <s> dolum rolig sib pulum bilen dilum dalen </s> </s> </s>
        answer  dolum rolig sib pulum bilen dilum dalen </s> . . .

    A clause has a subject, [determiner] adjectives noun, then a verb, and after a transitive verb an object of the
    same form. In the translation, determiners are dropped (fertility 0), adjectives follow their noun in reversed order
    (local reordering), the verb follows its object (long-distance reordering), and a separable verb becomes two words,
    a particle after the subject and a stem in the place of the verb (fertility 2). An ambiguous noun has two
    translations, and the verb of its clause decides between them. No mark separates clauses. Clauses are independent,
    given that they have `length` words together: all verbs are equally likely, and so are, for each noun, a determiner
    or none, 0 to `modifiers` adjectives, and the words of each category. The target has up to `length` + `length` // 3
    words. The positions after its end contain the end, too, and are not scored.

    The task measures how quality falls with the length of the sentence (Bahdanau, Cho, Bengio 2014, arXiv 1409.0473,
    section 5.1 and figure 2; models for up to 30 and up to 50 words, section 4.2, which the presets take over and
    nothing else), and how well attention agrees with the gold alignment links (Luong, Pham, Manning 2015, arXiv
    1508.04025, table 6). Fertility is that of Brown et al. 1993 (IBM Model 3).

    Source: this project.
    """

    family = "translation"
    leaks = True
    feeds_back = True
    necessary = True
    presets: ClassVar[Presets] = {
        f"bahdanau-{length}": {"length": [2, length], "test_lengths": [10, 20, 30, 40, 50, 60]} for length in (30, 50)
    }

    def __init__(
        self,
        *,
        nouns: int = 24,
        ambiguous: int = 8,
        adjectives: int = 12,
        verbs: int = 16,
        particles: int = 2,
        determiners: int = 2,
        modifiers: int = 3,
    ) -> None:
        if modifiers < 0:
            raise ValueError(f"modifiers is {modifiers}, but must be at least 0")
        self.modifiers = modifiers
        self.lexicon = lexicon = Lexicon(determiners, adjectives, nouns, ambiguous, verbs, particles)
        self.source_space = Tokens(len(lexicon.source_names), "translation source")
        self.query_space = Tokens(len(lexicon.target_names), "translation target")
        self.target_space = Classes(self.query_space.size - 1)

    def check_length(self, length: int) -> None:
        if length < 2:
            raise ValueError(f"length is {length}, but must be at least 2, for a noun and a verb")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        # Clauses of noun, separable verb, noun give the most words: four in the target.
        most = length + length // 3 + 1
        sentences = draw_sentences(self.modifiers, length, size, generator)
        words = word_table(self.lexicon, generator.device)
        draw = torch.randint(words.draws, (size, length), generator=generator, device=generator.device)
        source = words.first[sentences.category] + draw % words.size[sentences.category]
        source = pad(source, (0, 1), value=self.lexicon.stop)
        clause, verb = sentences.clause, source.gather(1, sentences.verb)
        separable, sense = words.particle[verb] != NOTHING, words.sense[verb].gather(1, clause)

        translated = sentences.translated + separable
        start, total = translated.cumsum(1) - translated, translated.sum(1, keepdim=True)
        place = start.gather(1, clause) + sentences.place + (sentences.after_subject & separable.gather(1, clause))
        # Words without a place (determiners, missing particles) get a place after the last, which is cut off.
        place = torch.cat([place.where(sentences.place != NOTHING, most), total], dim=1)
        particle_place = (start + sentences.subject).where(separable, most)
        target = torch.full((size, most + 1), self.lexicon.end, device=source.device)
        target.scatter_(1, place, words.senses.take(2 * source + pad(sense, (0, 1))))
        target = target.scatter_(1, particle_place, words.particle[verb])[:, :most]

        position = torch.arange(length + 1, device=source.device).expand(size, -1)
        decider = sentences.verb.gather(1, clause).where(words.ambiguous[source[:, :-1]], position[:, :-1])
        linked = [(place, position), (place[:, :-1], decider), (particle_place, sentences.verb)]
        return Batch(
            source=source,
            query=pad(target[:, :-1], (1, 0), value=self.lexicon.beginning),
            target=target,
            scored=torch.arange(most, device=source.device) <= total,
            links=_links(linked, most + 1, length + 1)[:, :most],
        )

    def chance(self, length: int) -> float:
        """Return the exact accuracy of the best predictor that reads only the queries, by dynamic programming."""
        return _chance(self.lexicon, self.modifiers, length)[0]

    def chance_entropy(self, length: int) -> float:
        """Return the entropy of a word given the words before it, by the same dynamic programming."""
        return _chance(self.lexicon, self.modifiers, length)[1]

    def ceiling(self, length: int) -> float:
        return 1.0

    def bounds(self, length: int, batches: Sequence[Batch]) -> Bounds:
        """Return the bounds with those of the best predictor that reads only the queries of these examples."""
        distribution = _next_word(self.lexicon, self.modifiers, length)
        found = [torch.stack(distribution.chances(batch.query))[:, batch.scored.cpu()] for batch in batches]
        guessed, entropy = torch.cat(found, dim=1).mean(1).tolist()
        return self.with_error(Bounds(guessed, 1.0, chance_entropy=entropy, ceiling_entropy=0.0), batches)

    def answer(self, batch: Batch) -> Tensor:
        """Parse and translate the sentence. If words are HIDDEN, translate the word that the visible ones explain."""
        rows = zip(batch.source.tolist(), batch.query.tolist(), strict=True)
        return torch.tensor([self._solve(*row) for row in rows], device=batch.query.device)

    def words(self, part: Part) -> list[str]:
        names = self.lexicon.target_names
        return {"source": self.lexicon.source_names, "query": names, "target": names[:-1]}[part]

    def tell(self, batch: Batch, row: int, language: str = "en") -> str | None:
        """Return the two sentences, and each word of the translation with the source words linked to it."""
        titles = ("原文", "译文", "对齐") if language == "zh" else ("Source", "Translation", "Alignment")
        names, target_names = self.lexicon.source_names, self.lexicon.target_names
        scored = batch.scored[row]
        source = [names[word] for word in batch.source[row].tolist()]
        target = [target_names[word] for word in batch.target[row][scored].tolist()]
        lines = [" ".join(source), " ".join(target)]
        if batch.links is not None:
            linked = [[source[i] for i in mask.nonzero().flatten().tolist()] for mask in batch.links[row][scored]]
            lines.append("  ".join(f"{word} = {' + '.join(of)}" for word, of in zip(target, linked, strict=True)))
        return "\n".join(f"{title}: {line}" for title, line in zip(titles, lines, strict=False))

    def _solve(self, source: list[int], query: list[int]) -> list[int]:
        visible = [word for word in source if word != HIDDEN]
        if len(visible) == len(source):
            translation = translate(source, self.lexicon)
            return (translation + [self.lexicon.end] * len(query))[: len(query)]
        before, after = translate_linked(visible, self.lexicon)
        _, _, particles, stems, *_ = self.lexicon.target
        answers, said = [], False
        for word in query:
            said = word in particles or (said and word not in stems)
            answers.append(after if said else before)
        return answers


class WordTable(NamedTuple):
    """The lexicon as tensors: the first word and the size of each category, and the columns of the entries."""

    first: Int[Tensor, "categories"]
    size: Int[Tensor, "categories"]
    draws: int  # a multiple of every size, so that the remainder of a random number below it is uniform
    senses: Int[Tensor, "words 2"]
    ambiguous: Bool[Tensor, "words"]
    sense: Int[Tensor, "words"]
    particle: Int[Tensor, "words"]


@lru_cache(maxsize=16)
def word_table(lexicon: Lexicon, device: torch.device) -> WordTable:
    columns = zip(*lexicon.entries, strict=True)
    _, senses, _, sense, particle = (torch.tensor(column, device=device) for column in columns)
    return WordTable(
        first=torch.tensor([words[0] for words in lexicon.source], device=device),
        size=torch.tensor([len(words) for words in lexicon.source], device=device),
        draws=math.lcm(*map(len, lexicon.source)),
        senses=senses,
        ambiguous=senses[:, 0] != senses[:, 1],
        sense=sense,
        particle=particle,
    )


def _links(pairs: list[tuple[Tensor, Tensor]], queries: int, positions: int) -> Bool[Tensor, "b q s"]:
    size, device = len(pairs[0][0]), pairs[0][0].device
    links = torch.zeros(size, queries * positions, dtype=torch.bool, device=device)
    for query, position in pairs:
        links.scatter_(1, query * positions + position, True)
    return links.view(size, queries, positions)


@lru_cache(maxsize=2)
def _next_word(lexicon: Lexicon, modifiers: int, length: int) -> NextWordDistribution:
    return NextWordDistribution(lexicon, modifiers, length)


@lru_cache(maxsize=1024)
def _chance(lexicon: Lexicon, modifiers: int, length: int) -> tuple[float, float]:
    distribution = _next_word(lexicon, modifiers, length)
    return distribution.accuracy, distribution.entropy
