"""Translation against a grammar written as regular expressions, and against all sentences of a tiny language."""

import math
import re
from collections import defaultdict
from dataclasses import replace

import pytest
import torch

from tasks import HIDDEN, TASKS

PHRASE = "d?a*n"
CLAUSE = re.compile(f"(?P<subject>{PHRASE})(?:i|t(?P<object>{PHRASE}))")
TINY = {"determiners": 1, "adjectives": 1, "nouns": 2, "ambiguous": 1, "verbs": 8, "particles": 1, "modifiers": 1}
TINIES = [
    TINY,
    TINY | {"determiners": 2, "nouns": 3, "ambiguous": 0, "modifiers": 0},
    TINY | {"adjectives": 2, "ambiguous": 2, "verbs": 16, "particles": 2},
]


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def letters(names):
    """Return each source word's category as a letter, by the ending of its name."""
    endings = {"ra": "a", "to": "n", "nin": "i", "nas": "t", ".": "."}
    return "".join(next((c for end, c in endings.items() if name.endswith(end)), "d") for name in names)


def reference(task, source):
    """Return the target words by name, each with its source positions: clauses by regular expression, then by rule."""
    names, target_names = task.words("source"), task.words("query")
    source = [names[word] for word in source]
    kinds = {kind: [name for name in names if letters([name]) == kind] for kind in "danit."}
    ends = [[name for name in target_names if name.endswith(end)] for end in ("lig", "lum", "b", "len")]
    adjectives, nouns, particles, stems = ends
    result, at, text = [], 0, letters(source)
    while text[at] != ".":
        match = CLAUSE.match(text, at)
        verb_at = match.end("subject")
        verb = kinds["i"] + kinds["t"]
        number = verb.index(source[verb_at])
        sense, separable = number % 2, text[verb_at] == "t" and number // 2 % 2 == 1

        def phrase(name, match=match, verb_at=verb_at, sense=sense):
            found = []
            for i in reversed(range(*match.span(name))):
                if text[i] == "n":
                    noun = kinds["n"].index(source[i])
                    several = noun < task.lexicon.ambiguous
                    found.append((nouns[noun + sense * several * len(kinds["n"])], {i, verb_at} if several else {i}))
                elif text[i] == "a":
                    found.append((adjectives[kinds["a"].index(source[i])], {i}))
            return found

        result += phrase("subject")
        if separable:
            result.append((particles[(number - len(kinds["i"])) // 4 % len(particles)], {verb_at}))
        result += (phrase("object") if match["object"] else []) + [(stems[number], {verb_at})]
        at = match.end()
    return [*result, ("</s>", {at})]


def clauses(task, most):
    """Yield every clause of up to `most` words with its probability."""
    kinds = defaultdict(list)
    for word, name in enumerate(task.words("source")):
        kinds[letters([name])].append(word)
    chances = 1 / (2 * (task.modifiers + 1) * len(kinds["n"]))
    phrases = []
    for determiners in [(), *((word,) for word in kinds["d"])]:
        share = chances / (len(kinds["d"]) if determiners else 1)
        described = [determiners]
        for _ in range(task.modifiers + 1):
            phrases += [((*words, noun), share) for words in described for noun in kinds["n"]]
            described = [(*words, adjective) for words in described for adjective in kinds["a"]]
            share /= len(kinds["a"])
    verb = 1 / len(kinds["i"] + kinds["t"])
    for subject, p in phrases:
        yield from (((*subject, word), p * verb) for word in kinds["i"] if len(subject) < most)
        for object_, p_object in phrases:
            if len(subject) + len(object_) < most:
                yield from (((*subject, word, *object_), p * p_object * verb) for word in kinds["t"])


def sentences(task, length):
    """Return every sentence of `length` words, with its probability."""
    by_length = defaultdict(list)
    for clause, p in clauses(task, length):
        by_length[len(clause)].append((clause, p))
    whole = {0: [((), 1.0)]}
    for n in range(1, length + 1):
        whole[n] = [
            (begun + clause, p * q)
            for size in by_length
            if size <= n
            for begun, p in whole[n - size]
            for clause, q in by_length[size]
        ]
    total = sum(p for _, p in whole[length])
    return {(*words, task.lexicon.stop): p / total for words, p in whole[length]}


def following(task, length):
    """Return for each beginning of a translation the probability of each word after it."""
    found = defaultdict(lambda: defaultdict(float))
    for source, p in sentences(task, length).items():
        target = [name for name, _ in reference(task, source)]
        for t, word in enumerate(target):
            found[tuple(target[:t])][word] += p
    return found


def guesses(task, length):
    """Return for each beginning of a translation its probability, and that of the likeliest next word after it."""
    found = following(task, length)
    return {prefix: (sum(words.values()), max(words.values())) for prefix, words in found.items()}


def names_of(task, part, tokens):
    return [task.words(part)[token] for token in tokens]


@pytest.mark.reference("task", "translation")
@pytest.mark.parametrize("settings", [{}, *TINIES, {"modifiers": 5, "verbs": 24, "particles": 3, "nouns": 131}])
@pytest.mark.parametrize("length", [2, 3, 5, 8, 41])
def test_sentences_translations_and_links_are_those_of_the_reference(settings, length):
    task = TASKS["translation"](**settings)
    batch = task.sample(length, 53, stream())
    assert batch.source.shape == (53, length + 1)
    assert batch.target.shape == (53, length + length // 3 + 1)
    for row in range(len(batch)):
        expected = reference(task, batch.source[row].tolist())
        count = len(expected)
        target = names_of(task, "target", batch.target[row].tolist())
        assert target[:count] == [name for name, _ in expected]
        assert set(target[count:]) <= {"</s>"}
        assert batch.scored[row].tolist() == [t < count for t in range(len(target))]
        assert names_of(task, "query", batch.query[row].tolist()) == ["<s>", *target[:-1]]
        linked = [set(mask.nonzero().flatten().tolist()) for mask in batch.links[row]]
        assert linked == [of for _, of in expected] + [set()] * (len(target) - count)
    assert torch.equal(task.answer(batch), batch.target)


def test_the_longest_translation_fits_and_occurs():
    """Six words can be two clauses of noun, separable verb, noun: eight words and the end."""
    task = TASKS["translation"](**TINY)
    batch = task.sample(6, 4000, stream())
    assert batch.scored.sum(1).max() == 9 == batch.target.shape[1]


@pytest.mark.parametrize("settings", TINIES)
def test_sentences_have_the_probabilities_of_the_grammar(settings):
    """Counts of all sentences of four words: chi-square within four standard deviations of its mean."""
    task, size = TASKS["translation"](**settings), 100_000
    distribution = sentences(task, 4)
    drawn, counts = task.sample(4, size, stream()).source.unique(dim=0, return_counts=True)
    counts = dict(zip(map(tuple, drawn.tolist()), counts.tolist(), strict=True))
    assert counts.keys() <= distribution.keys()
    statistic = sum((counts.get(source, 0) - size * p) ** 2 / (size * p) for source, p in distribution.items())
    freedom = len(distribution) - 1
    assert abs(statistic - freedom) < 4 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("settings", TINIES)
@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_chance_is_that_of_all_sentences(settings, length):
    task = TASKS["translation"](**settings)
    all_guesses = guesses(task, length).values()
    expected = sum(best for _, best in all_guesses) / sum(reached for reached, _ in all_guesses)
    assert task.chance(length) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("settings", TINIES)
def test_bounds_are_those_of_the_very_examples(settings):
    """Also where determiners are in doubt: at six words a beginning is compatible with several numbers of them."""
    task, length = TASKS["translation"](**settings), 6 if settings is TINY else 5
    all_guesses = guesses(task, length)
    batches = [task.sample(length, 41, stream(seed)) for seed in (1, 2)]
    shares = []
    for batch in batches:
        for target, scored in zip(batch.target.tolist(), batch.scored.sum(1).tolist(), strict=True):
            names = names_of(task, "target", target)
            prefixes = [all_guesses[tuple(names[:t])] for t in range(scored)]
            shares += [best / reached for reached, best in prefixes]
    chance, ceiling, *_ = task.bounds(length, batches)
    assert chance == pytest.approx(sum(shares) / len(shares), rel=1e-12)
    assert ceiling == 1.0


@pytest.mark.parametrize("length", [11, 37, 83])
def test_chance_is_the_mean_of_bounds(length):
    """Within four standard errors, at lengths at which no one can list all sentences."""
    task = TASKS["translation"]()
    bounds = [task.bounds(length, [task.sample(length, 199, stream(seed))])[0] for seed in range(11)]
    values = torch.tensor(bounds, dtype=torch.float64)
    assert abs(values.mean() - task.chance(length)) < 4 * values.std() / math.sqrt(len(values))


def test_chance_falls_with_length_and_stays_above_the_guess_of_a_word():
    task = TASKS["translation"]()
    values = [task.chance(length) for length in (2, 3, 5, 11, 23, 47, 211)]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 1 / 12


def test_each_word_is_found_from_its_links_and_the_words_before():
    task = TASKS["translation"]()
    batch = task.sample(19, 101, stream())
    for q in range(batch.target.shape[1]):
        rows = batch.scored[:, q]
        # Later words of the query would give the answer away: they are overwritten too.
        query = batch.query.clone()
        query[:, q + 1 :] = task.lexicon.beginning
        source = torch.where(batch.links[:, q], batch.source, HIDDEN)
        answer = task.answer(replace(batch, source=source, query=query))
        assert torch.equal(answer[rows, q], batch.target[rows, q])


def test_an_ambiguous_noun_has_two_translations_and_the_linked_verb_decides():
    task = TASKS["translation"]()
    batch = task.sample(29, 400, stream())
    seen = defaultdict(lambda: defaultdict(set))
    for row, q in batch.scored.nonzero().tolist():
        linked = batch.source[row][batch.links[row, q]].tolist()
        nouns = [word for word in linked if letters(names_of(task, "source", [word])) == "n"]
        if nouns:
            verbs = [word for word in linked if word not in nouns]
            seen[nouns[0]][verbs[0] if verbs else None].add(batch.target[row, q].item())
    assert len(seen) == 24
    ambiguous = {noun for noun, by_verb in seen.items() if None not in by_verb}
    assert len(ambiguous) == 8
    for noun, by_verb in seen.items():
        assert all(len(translations) == 1 for translations in by_verb.values())
        assert len(set.union(*by_verb.values())) == (2 if noun in ambiguous else 1)
        assert len(by_verb) > 1 or noun not in ambiguous


def test_fertility_and_reordering_both_near_and_far():
    """A stem stands as many places behind the subject as the object has words, and adjectives behind their noun."""
    task = TASKS["translation"]()
    batch = task.sample(31, 300, stream())
    fertilities, distances, inversions = set(), set(), 0
    for row in range(len(batch)):
        text = letters(names_of(task, "source", batch.source[row].tolist()))
        own = [[] for _ in text]
        for q, linked in enumerate(batch.links[row]):
            at = linked.nonzero().flatten().tolist()
            nouns = [i for i in at if text[i] == "n"]
            for i in nouns or at:
                own[i].append(q)
        fertilities |= {(kind, len(places)) for kind, places in zip(text, own, strict=True)}
        for match in CLAUSE.finditer(text):
            verb, noun = match.end("subject"), match.end("subject") - 1
            words = (match["object"] or "").replace("d", "")
            adjectives = match["subject"].count("a")
            assert own[verb][-1] - own[noun][0] == adjectives + len(own[verb]) + len(words)
            distances.add(len(words))
            assert [own[noun - k] for k in range(adjectives + 1)] == [[own[noun][0] + k] for k in range(adjectives + 1)]
            inversions += adjectives > 0
    assert fertilities == {("d", 0), ("a", 1), ("n", 1), ("i", 1), ("t", 1), ("t", 2), (".", 1)}
    assert distances == {0, 1, 2, 3, 4}
    assert inversions > 300


def test_sentences_of_hundreds_of_words():
    task = TASKS["translation"]()
    batch = task.sample(307, 7, stream())
    assert torch.equal(task.answer(batch), batch.target)
    chance, *_ = task.bounds(307, [batch])
    assert chance == pytest.approx(task.chance(307), rel=0.1)


def test_words_have_names_of_their_own():
    task = TASKS["translation"](nouns=1009, ambiguous=500, adjectives=499, determiners=13, verbs=800, particles=4)
    source, query, target = (task.words(part) for part in ("source", "query", "target"))
    assert len(set(source)) == len(source) == task.source_space.size
    assert len(set(query)) == len(query) == task.query_space.size
    assert target == query[:-1]
    assert len(target) == task.target_space.size


def test_told_example_shows_what_explains_each_word():
    task = TASKS["translation"]()
    batch = task.sample(13, 3, stream())
    source, translation, alignment = task.tell(batch, 1).splitlines()
    assert source == "Source: " + " ".join(names_of(task, "source", batch.source[1].tolist()))
    expected = reference(task, batch.source[1].tolist())
    assert translation == "Translation: " + " ".join(name for name, _ in expected)
    words = source.split()[1:]
    told = [f"{name} = {' + '.join(words[i] for i in sorted(of))}" for name, of in expected]
    assert alignment == "Alignment: " + "  ".join(told)
    assert task.tell(batch, 1, "zh").splitlines()[0].startswith("原文")


def test_too_short_is_refused():
    with pytest.raises(ValueError, match="length is 1, but must be at least 2, for a noun and a verb"):
        TASKS["translation"]().sample(1, 3, stream())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nouns": 0}, "nouns is 0"),
        ({"determiners": 0}, "determiners is 0"),
        ({"ambiguous": 25}, "ambiguous is 25, but must be from 0 to 24, the number of nouns"),
        ({"ambiguous": -1}, "ambiguous is -1"),
        ({"verbs": 20}, "verbs is 20, but must be a multiple of 16"),
        ({"particles": 0}, "particles is 0"),
        ({"modifiers": -1}, "modifiers is -1"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TASKS["translation"](**settings)
