"""Selective copy, induction, needle, noisy and fuzzy recall, memorization: against loops over the words one reads."""

import itertools
import math
from fractions import Fraction

import pytest
import torch

from tasks import TASKS


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def draw(name, length, size=211, seed=5, **settings):
    task = TASKS[name](**settings)
    return task, task.sample(length, size, stream(seed))


def read(task, batch, row):
    """Return a row's source, query and answers as words, "." where nothing is scored."""
    source, query, target = (task.words(part) for part in ("source", "query", "target"))
    answers = [
        target[answer] if scored else "."
        for answer, scored in zip(batch.target[row].tolist(), batch.scored[row].tolist(), strict=True)
    ]
    return [source[n] for n in batch.source[row]], [query[n] for n in batch.query[row]], answers


NOT_SCORED = (".", [])


def solve_selective_copy(source, query):
    """Return, as all of these do, for each query the answer and the positions it is read from."""
    return [(word, [place]) for place, word in enumerate(source) if word != "_"]


def solve_induction(source, query):
    place = source.index("!") + 1
    return [(source[place], [place])]


def solve_needle(source, query):
    starts = [n for n in range(0, len(source), 4) if source[n] == "number" and source[n + 1] == query[0]]
    return [(source[n + 3], [n + 1, n + 3]) for n in starts]


def solve_noisy_recall(source, query):
    answers = []
    for key in query:
        places = [n for n in range(0, len(source), 2) if source[n] == key]
        assert len({source[n + 1] for n in places}) <= 1
        answers.append((source[places[0] + 1], [n + k for n in places for k in (0, 1)]) if places else NOT_SCORED)
    return answers


def solve_fuzzy_recall(source, query):
    """Split the source into runs of keys and of values; every key has one value throughout."""
    runs = [list(run) for _, run in itertools.groupby(range(len(source)), key=lambda n: source[n][0])]
    runs = runs[source[0] == "_" :]
    pairs = {}
    for key, value in zip(runs[0::2], runs[1::2], strict=True):
        words, places = pairs.setdefault(tuple(source[n] for n in key), ([source[n] for n in value], []))
        assert words == [source[n] for n in value]
        places += key + value
    answers = []
    for n in range(0, len(query), 6):
        words, places = pairs[tuple(word for word in query[n : n + 3] if word != "_")]
        assert query[n + 3 : n + 6] == ["?"] * 3
        answers += [NOT_SCORED] * 3 + [(word, places) for word in (*words, "end", "end")[:3]]
    return answers


def solve_memorization(source, query):
    values = TASKS["memorization"](keys=5).dictionary.tolist()
    return [(f"v{values[int(word[1:])]}", [place]) for place, word in enumerate(source)]


SOLVERS = [
    ("selective_copy", 17, {"items": 5, "symbols": 7}, solve_selective_copy),
    ("selective_copy", 5, {"items": 5, "symbols": 2}, solve_selective_copy),
    ("selective_copy", 17, {"items": 5, "symbols": 7, "inserted": True}, solve_selective_copy),
    ("selective_copy", 5, {"items": 5, "inserted": True}, solve_selective_copy),
    ("induction", 2, {"symbols": 3}, solve_induction),
    ("induction", 23, {}, solve_induction),
    ("needle", 1, {"needles": 1}, solve_needle),
    ("needle", 4, {}, solve_needle),
    ("needle", 19, {"needles": 7, "keys": 11, "values": 5, "fillers": 3}, solve_needle),
    ("noisy_recall", 2, {}, solve_noisy_recall),
    ("noisy_recall", 34, {"vocabulary": 11, "noise_vocabulary": 3, "noise": 0.6}, solve_noisy_recall),
    ("fuzzy_recall", 12, {}, solve_fuzzy_recall),
    ("fuzzy_recall", 47, {"vocabulary": 7, "queries": 3}, solve_fuzzy_recall),
    ("memorization", 11, {"keys": 5}, solve_memorization),
]


@pytest.mark.reference("task", *(name for name, *_ in SOLVERS))
@pytest.mark.parametrize(("name", "length", "settings", "solve"), SOLVERS)
def test_answers_and_links_are_what_a_reader_finds(name, length, settings, solve):
    task, batch = draw(name, length, **settings)
    for row in range(len(batch)):
        source, query, answers = read(task, batch, row)
        links = [links.nonzero().flatten().tolist() for links in batch.links[row]]
        assert solve(source, query) == list(zip(answers, links, strict=True))


@pytest.mark.parametrize(
    ("name", "length", "settings", "message"),
    [
        ("selective_copy", 7, {}, "length is 7, but must be at least 8, one position for each item"),
        ("induction", 1, {}, "length is 1, but must be at least 2, for the trigger"),
        ("needle", 2, {"needles": 3}, "length is 2, but must be at least 3, one sentence for each needle"),
        ("noisy_recall", 7, {}, "length is 7, but must be even and at least 2"),
        ("noisy_recall", 0, {}, "length is 0"),
        ("fuzzy_recall", 11, {}, "length is 11, but 2 pairs of the largest size need 12 tokens"),
        ("memorization", 0, {}, "length is 0, but must be at least 1"),
    ],
)
def test_impossible_lengths_are_refused(name, length, settings, message):
    with pytest.raises(ValueError, match=message):
        TASKS[name](**settings).sample(length, 3, stream())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("selective_copy", {"items": 0}, "not 0 and 16"),
        ("induction", {"symbols": 1}, "symbols is 1"),
        ("needle", {"needles": 17}, "needles is 17, but must be from 1 to the number of keys, 16"),
        ("needle", {"values": 1}, "not 1 and 16"),
        ("needle", {"depth": 1.5}, "depth is 1.5"),
        ("noisy_recall", {"vocabulary": 3}, "not 3 and 16"),
        ("noisy_recall", {"noise": 1.0}, "noise is 1.0"),
        ("fuzzy_recall", {"vocabulary": 7, "motif": 4}, "not motif 4 and vocabulary 7"),
        ("fuzzy_recall", {"queries": 0}, "queries is 0"),
        ("memorization", {"keys": 1}, "keys is 1"),
    ],
)
def test_impossible_settings_are_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        TASKS[name](**settings)


def spread(share, count):
    return 4 * math.sqrt(share * (1 - share) / count)


def test_induction_trigger_is_anywhere_but_last_and_the_rest_uniform():
    _, batch = draw("induction", 7, size=30_000, symbols=3)
    places = (batch.source == 3).double()
    assert (places.sum(1) == 1).all()
    assert (places.mean(0)[:6] - 1 / 6).abs().max() < spread(1 / 6, len(batch))
    assert places[:, 6].sum() == 0
    others = torch.bincount(batch.source.flatten())[:3].double()
    assert (others / others.sum() - 1 / 3).abs().max() < spread(1 / 3, int(others.sum()))


def test_induction_is_drawn_at_great_length():
    task, batch = draw("induction", 2**15, size=8)
    assert torch.equal(task.answer(batch), batch.target)


@pytest.mark.parametrize(("depth", "sentence"), [(0, 0), (0.5, 5), (1, 10)])
def test_needle_lies_at_its_depth_and_distractors_do_not(depth, sentence):
    _, batch = draw("needle", 11, size=500, needles=4, depth=float(depth))
    assert batch.links[:, 0, 4 * sentence + 1].all()
    assert batch.links[:, 0, 4 * sentence + 3].all()
    others = (batch.source == batch.source[0, 4 * sentence])[:, ::4].double().mean(0)
    assert others[sentence] == 1
    assert (others.sum() - 4).abs() < 1e-9


def test_needle_is_at_any_depth_alike_and_keys_only_in_needles():
    task, batch = draw("needle", 11, size=20_000, needles=3, keys=5, values=4)
    depth = batch.links[:, 0, 1::4].double().mean(0)
    assert (depth - 1 / 11).abs().max() < spread(1 / 11, len(batch))
    is_key = (batch.source >= 4) & (batch.source < 9)
    assert torch.equal(is_key[:, 1::4], batch.source[:, 0::4] == task.number)
    assert (is_key.sum(1) == 3).all()
    assert ((batch.source == batch.query).sum(1) == 1).all()


def test_noisy_recall_has_its_share_of_noise_beside_one_sure_pair():
    for slots, noise in ((1, 0.9), (16, 0.3)):
        _, batch = draw("noisy_recall", 2 * slots, size=20_000, noise=noise)
        is_noise = (batch.source >= 16).double().reshape(len(batch), slots, 2)
        assert torch.equal(is_noise[..., 0], is_noise[..., 1])
        expected = noise * (slots - 1) / slots
        assert abs(is_noise.mean() - expected) <= spread(noise, is_noise[..., 0].numel())
        assert (is_noise[..., 0].sum(1) < slots).all()


def test_noisy_recall_asks_each_key_once_in_any_order():
    _, batch = draw("noisy_recall", 8, size=20_000, vocabulary=6)
    assert torch.equal(batch.query.sort(1).values, torch.arange(3).expand(len(batch), -1))
    orders = torch.bincount(batch.query @ torch.tensor([9, 3, 1]))
    assert (orders[orders > 0] / len(batch) - 1 / 6).abs().max() < spread(1 / 6, len(batch))


def motifs(alphabet, largest):
    """Yield each motif with its probability: the size uniform, then all of that size equally likely."""
    for size in range(1, largest + 1):
        choices = list(itertools.permutations(range(alphabet), size))
        yield from ((choice, Fraction(1, largest * len(choices))) for choice in choices)


@pytest.mark.parametrize(("vocabulary", "motif"), [(16, 3), (5, 1), (4, 2), (9, 4), (15, 3)])
def test_fuzzy_recall_chance_is_that_of_enumerated_values(vocabulary, motif):
    task = TASKS["fuzzy_recall"](vocabulary=vocabulary, motif=motif)
    values = vocabulary - vocabulary // 2
    best = Fraction(0)
    for place in range(motif):
        distribution = {}
        for value, probability in motifs(values, motif):
            token = value[place] if place < len(value) else "end"
            distribution[token] = distribution.get(token, 0) + probability
        best += max(distribution.values()) / motif
    assert task.chance(37) == pytest.approx(float(best), abs=1e-12)


def test_fuzzy_recall_sizes_and_tokens_follow_their_law_where_asked():
    """Neither the room that is left nor repeated keys bend the distribution of what is asked and answered."""
    _, batch = draw("fuzzy_recall", 13, size=20_000, vocabulary=8)
    keys, marks = batch.query.reshape(-1, 2, 6)[..., :3], batch.target.reshape(-1, 2, 6)[..., 3:]
    count = len(batch)
    for tokens, absent in ((keys.flip(2), 8), (marks, 4)):
        sizes = (tokens != absent).sum(2)
        for query in range(2):
            for size in (1, 2, 3):
                assert abs((sizes[:, query] == size).double().mean() - 1 / 3) < spread(1 / 3, count)
            present = tokens[:, query][sizes[:, query] == 3]
            for place in range(3):
                shares = torch.bincount(present[:, place], minlength=4) / len(present)
                assert (shares - 1 / 4).abs().max() < spread(1 / 4, len(present))
            assert (present.sort(1).values.diff(dim=1) > 0).all(), "a motif's tokens differ"
    # Given a key's size, the value's is still uniform.
    short = (keys[:, 0, :2] == 8).all(1)
    assert abs((marks[short, 0, 1] == 4).double().mean() - 1 / 3) < spread(1 / 3, int(short.sum()))


def test_fuzzy_recall_fills_the_source():
    _, batch = draw("fuzzy_recall", 61, size=2000)
    blanks = (batch.source == 16).sum(1)
    assert blanks.max() < 6
    assert torch.equal((batch.source != 16).byte().argmax(1), blanks), "blanks are in front"


def test_fuzzy_recall_asks_for_pairs_anywhere_in_the_source():
    """Among the sources' pairs, in order, the middle of what is asked lies in the middle."""
    _, batch = draw("fuzzy_recall", 61, size=4000, vocabulary=60)
    places = (batch.links[:, 3] * torch.arange(61.0)).sum(1) / batch.links[:, 3].sum(1)
    expected = ((batch.source == 60).sum(1) + 60) / 2
    difference = (places - expected).double()
    assert abs(difference.mean()) < 4 * difference.std() / math.sqrt(len(batch))


def test_memorization_is_one_dictionary_for_all():
    task, batch = draw("memorization", 19, keys=7, dictionary=3)
    pairs = set(zip(batch.source.flatten().tolist(), batch.target.flatten().tolist(), strict=True))
    assert len(pairs) == len({value for _, value in pairs}) == 7
    again = TASKS["memorization"](keys=7, dictionary=3).sample(31, 100, stream(9))
    assert set(zip(again.source.flatten().tolist(), again.target.flatten().tolist(), strict=True)) == pairs
    _, other = draw("memorization", 19, keys=7, dictionary=4)
    assert set(zip(other.source.flatten().tolist(), other.target.flatten().tolist(), strict=True)) != pairs
    assert batch.links[5].int().tolist() == torch.eye(19).int().tolist()
    assert task.chance(19) == 1 / 7


@pytest.mark.parametrize(
    ("name", "settings", "share"),
    [
        ("selective_copy", {"symbols": 7}, 1 / 7),
        ("induction", {"symbols": 5}, 1 / 5),
        ("needle", {"values": 9}, 1 / 9),
        ("noisy_recall", {"vocabulary": 11}, 1 / 6),
        ("memorization", {"keys": 13}, 1 / 13),
    ],
)
def test_chance_is_one_value_in_so_many_at_each_query(name, settings, share):
    task, batch = draw(name, 14, size=20_000, **settings)
    assert task.chance(14) == share
    for q in range(batch.query.shape[1]):
        answers = batch.target[:, q][batch.scored[:, q]]
        shares = torch.bincount(answers, minlength=task.target_space.size) / len(answers)
        assert (shares - share).abs().max() < spread(share, len(answers))


@pytest.mark.parametrize(
    "name", ["selective_copy", "induction", "needle", "noisy_recall", "fuzzy_recall", "memorization"]
)
def test_presets_can_be_drawn(name):
    for settings in TASKS[name].presets.values():
        kept = {key: value for key, value in settings.items() if key not in ("length", "test_lengths")}
        task = TASKS[name](**kept)
        for length in (settings["length"], *settings.get("test_lengths", [])):
            batch = task.sample(length, 2, stream())
            assert torch.equal(task.answer(batch)[batch.scored], batch.target[batch.scored])
