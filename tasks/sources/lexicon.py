"""The lexicon of the translation task, and translation with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from itertools import chain
from typing import NamedTuple


class Category(IntEnum):
    """The category of a source word, in the order of the source vocabulary."""

    DETERMINER = 0
    ADJECTIVE = 1
    NOUN = 2
    INTRANSITIVE = 3
    TRANSITIVE = 4
    STOP = 5


NOTHING = -1


class SourceWord(NamedTuple):
    """A source word with its translations in two senses, equal for most words; those of a separable verb are its stem.

    A verb also has the number of its phrases, the sense of the nouns in them, and, if it is separable, a particle.
    """

    category: Category
    senses: tuple[int, int]
    phrases: int = 0
    sense: int = 0
    particle: int = NOTHING


@dataclass(frozen=True)
class Lexicon:
    """A source vocabulary, by `Category`, and a target one: adjectives, nouns, particles, stems, end, and beginning.

    A determiner has no translation, an adjective has one word. The first `ambiguous` nouns have two senses, and the
    verb of the clause decides between them. A verb is translated by a stem, a separable verb by a particle and a stem;
    half of the transitive verbs are separable. All combinations of sense, separability and particle are equally
    frequent among the transitive verbs.
    """

    determiners: int
    adjectives: int
    nouns: int
    ambiguous: int
    verbs: int
    particles: int

    def __post_init__(self) -> None:
        for name in ("determiners", "adjectives", "nouns", "particles"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be at least 1")
        if not 0 <= self.ambiguous <= self.nouns:
            raise ValueError(f"ambiguous is {self.ambiguous}, but must be from 0 to {self.nouns}, the number of nouns")
        if self.verbs < 1 or self.verbs % (8 * self.particles):
            raise ValueError(
                f"verbs is {self.verbs}, but must be a multiple of {8 * self.particles} (8 for each particle), "
                "so that every kind of verb is equally frequent"
            )

    @cached_property
    def source(self) -> list[range]:
        """The source words of each category."""
        return _ranges(self.determiners, self.adjectives, self.nouns, self.verbs // 2, self.verbs // 2, 1)

    @cached_property
    def target(self) -> list[range]:
        """The target adjectives, nouns (first senses, then second senses), particles, stems, end and beginning."""
        return _ranges(self.adjectives, self.nouns + self.ambiguous, self.particles, self.verbs, 1, 1)

    @property
    def stop(self) -> int:
        return self.source[Category.STOP][0]

    @property
    def end(self) -> int:
        return self.target[4][0]

    @property
    def beginning(self) -> int:
        return self.target[5][0]

    @cached_property
    def entries(self) -> list[SourceWord]:
        """The entry of each source word."""
        adjectives, nouns, particles, stems, _, _ = self.target
        entries = [SourceWord(Category.DETERMINER, (NOTHING, NOTHING))] * self.determiners
        entries += [SourceWord(Category.ADJECTIVE, (word, word)) for word in adjectives]
        others = nouns[: self.ambiguous], nouns[self.nouns :]
        entries += [SourceWord(Category.NOUN, senses) for senses in zip(*others, strict=True)]
        entries += [SourceWord(Category.NOUN, (word, word)) for word in nouns[self.ambiguous : self.nouns]]
        for number, stem in enumerate(stems[: self.verbs // 2]):
            entries.append(SourceWord(Category.INTRANSITIVE, (stem, stem), 1, number % 2))
        for number, stem in enumerate(stems[self.verbs // 2 :]):
            particle = particles[number // 4 % self.particles] if number // 2 % 2 else NOTHING
            entries.append(SourceWord(Category.TRANSITIVE, (stem, stem), 2, number % 2, particle))
        return [*entries, SourceWord(Category.STOP, (self.end, self.end))]

    @cached_property
    def source_names(self) -> list[str]:
        """Names that show the category: la (determiner), kira (adjective), kito (noun), kinin and kinas (verbs)."""
        names = [f"l{vowels}" for vowels in _determiner_vowels(self.determiners)]
        for category, ending in ((1, "ra"), (2, "to"), (3, "nin"), (4, "nas")):
            names += [_root(number) + ending for number in range(len(self.source[category]))]
        return [*names, "."]

    @cached_property
    def target_names(self) -> list[str]:
        """Names that show the category: falig (adjective), dilum (noun), sib (particle), pulen (stem)."""
        endings = (("lig", 0), ("lum", 1), ("b", 2), ("len", 3))
        names = []
        for ending, kind in endings:
            names += [_root(number + 7 * (kind + 1)) + ending for number in range(len(self.target[kind]))]
        return [*names, "</s>", "<s>"]


def _ranges(*sizes: int) -> list[range]:
    return [range(sum(sizes[:i]), sum(sizes[: i + 1])) for i in range(len(sizes))]


CONSONANTS, VOWELS = "ptkbdgmnrsfv", "aeiou"


def _root(number: int) -> str:
    """Return a pronounceable, unique name for a number: its digits in base 60, as syllables."""
    rest, digit = divmod(number, 60)
    syllable = CONSONANTS[digit % 12] + VOWELS[(digit + digit // 12) % 5]
    return (_root(rest) if rest else "") + syllable


def _determiner_vowels(count: int) -> list[str]:
    return [VOWELS[n % 5] * (n // 5 + 1) for n in range(count)]


def translate(sentence: list[int], lexicon: Lexicon) -> list[int]:
    """Parse from left to right and translate clause by clause; phrases outside a clause come last."""
    translation: list[int] = []
    adjectives: list[SourceWord] = []
    phrases: list[list[SourceWord]] = []
    verb = None
    for word in (lexicon.entries[word] for word in sentence):
        if word.category is Category.ADJECTIVE:
            adjectives.insert(0, word)
        elif word.category is Category.NOUN:
            phrases.append([word, *adjectives])
            adjectives = []
        elif word.phrases:
            verb = word
        if verb is not None and len(phrases) >= verb.phrases:
            translation += _translate_clause(phrases, verb)
            phrases, verb = [], None
        elif word.category is Category.STOP:
            translation.append(lexicon.end)
    return translation + [word.senses[0] for phrase in phrases for word in phrase]


def _translate_clause(phrases: list[list[SourceWord]], verb: SourceWord) -> list[int]:
    subject, *objects = ([word.senses[verb.sense] for word in phrase] for phrase in phrases)
    particle = [] if verb.particle == NOTHING else [verb.particle]
    return [*subject, *particle, *chain(*objects), verb.senses[0]]


def translate_linked(linked: list[int], lexicon: Lexicon) -> tuple[int, int]:
    """Translate one word, given alone or with the verb that decides its sense.

    Returns the answer before the particle of the clause, and the answer after it.
    """
    entries = [lexicon.entries[word] for word in linked or [lexicon.stop]]
    word, *deciding = sorted(entries, key=lambda entry: entry.phrases)
    translation = word.senses[deciding[0].sense if deciding else 0]
    return (translation if word.particle == NOTHING else word.particle), translation
