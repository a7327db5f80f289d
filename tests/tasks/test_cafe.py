"""Stories of visits: their distribution, the count against plain Python, and the text of a story read back."""

import itertools
import math

import pytest
import torch

from tasks import HIDDEN, TASKS, Batch
from tasks.sources.cafe_story import ACTS, HOURS, INSIDE, LANGUAGES, PERSONS, PLACES, Clause, tell_clause

Cafe = TASKS["cafe"]
INSIDE_WORDS = {"enters", "sits_down_in", "orders_in", "reads_in", "chats_in", "leaves"}
ORDERS = ("chronological", "told")
SETTINGS = (
    {},
    {"order": "told"},
    {"places": 7, "persons": 3, "hours": 5, "most": 7, "redundancy": 1.0},
    {"places": 2, "persons": 1, "hours": 2, "most": 1, "distractors": 0.0},
)


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def story(task, text, place):
    """Encode a story of words; its target is left 0."""
    words = task.words("source")
    source = torch.tensor([[words.index(word) for word in text.split()]])
    query = torch.tensor([[words.index(place)]])
    return Batch(source, query, torch.zeros_like(query), torch.ones_like(query, dtype=torch.bool))


def read(task, batch, row):
    """Return the clauses of an example as tuples of words, and the place asked about."""
    words = task.words("source")
    tokens = [words[token] for token in batch.source[row].tolist()]
    return [tuple(tokens[i : i + 4]) for i in range(0, len(tokens), 4)], words[batch.query[row]]


def clauses_of(task, batch):
    """Return person, act, place and hour (b, n), from 0 on, and which are inside the place asked about."""
    numbers = batch.source.reshape(len(batch), -1, 4) - torch.tensor(task.first)
    person, act, place, hour = numbers.unbind(2)
    return person, act, place, hour, (act >= 6) & (place == batch.query - task.first[2])


def test_by_hand():
    task = Cafe()
    text = """Anna means_to_go_to café nine    Clara passes_by café nine    Anna enters café nine
              Anna reads_in café nine          Clara enters inn ten         Clara leaves café eleven"""
    for place, count in {"café": 2, "inn": 1, "bakery": 0}.items():
        assert task.answer(story(task, text, place)).tolist() == [[count]]
    again = text + " Anna enters café noon Bruno enters café nine Anna leaves café nine"
    assert task.answer(story(task, again, "café")).tolist() == [[4]], "to come back is new, to leave is not"


@pytest.mark.reference("task", "cafe")
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("length", [1, 2, 5, 13, 37])
def test_the_target_counts_who_was_inside_when(settings, length):
    task = Cafe(**settings)
    batch = task.sample(length, 61, stream())
    assert torch.equal(task.answer(batch), batch.target)
    for row in range(len(batch)):
        told, asked = read(task, batch, row)
        assert len({(who, hour) for who, act, place, hour in told if act in INSIDE_WORDS and place == asked}) == (
            batch.target[row].item()
        )


@pytest.mark.parametrize("settings", SETTINGS)
def test_links_are_the_first_mention_of_each_visit(settings):
    task = Cafe(**settings)
    batch = task.sample(29, 67, stream())
    for row in range(len(batch)):
        told, asked = read(task, batch, row)
        seen, opens = set(), []
        for who, act, place, hour in told:
            inside = act in INSIDE_WORDS and place == asked
            opens += [inside and (who, hour) not in seen] * 4
            seen |= {(who, hour)} if inside else set()
        assert batch.links[row, 0].tolist() == opens
    hidden = torch.full_like(batch.source, HIDDEN)
    alone = Batch(batch.source.where(batch.links[:, 0], hidden), batch.query, batch.target, batch.scored)
    assert torch.equal(task.answer(alone), batch.target), "they suffice"


@pytest.mark.parametrize("column", range(4))
def test_a_clause_with_a_hidden_token_counts_for_nothing(column):
    task = Cafe(persons=8, hours=8)
    batch = story(task, "Anna enters café nine Henry enters café ten", "café")
    batch.source[0, 4 + column] = HIDDEN
    assert task.answer(batch).tolist() == [[1]]


@pytest.mark.parametrize("order", ORDERS)
def test_nobody_is_in_two_places_at_one_hour(order):
    task = Cafe(order=order)
    batch = task.sample(41, 101, stream())
    for row in range(len(batch)):
        where = {}
        for who, act, place, hour in read(task, batch, row)[0]:
            assert act not in INSIDE_WORDS or where.setdefault((who, hour), place) == place


def test_chronological_stories_go_hour_by_hour_and_from_arrival_to_departure():
    task = Cafe()
    _, act, _, hour, _ = clauses_of(task, task.sample(31, 211, stream()))
    assert (hour.diff(dim=1) >= 0).all()
    assert (act.diff(dim=1) >= 0)[hour.diff(dim=1) == 0].all(), "acts are numbered from plans to departures"


def test_the_order_of_telling_changes_the_order_alone():
    chronological, told = (Cafe(order=order).sample(23, 97, stream()) for order in ORDERS)
    assert torch.equal(chronological.target, told.target)
    code = torch.tensor([64**3, 64**2, 64, 1])
    first, second = ((batch.source.reshape(97, -1, 4) * code).sum(2) for batch in (chronological, told))
    assert not torch.equal(first, second)
    assert torch.equal(first.sort(1).values, second.sort(1).values)
    share = clauses_of(Cafe(), told)[4].double().mean(0)
    spread = math.sqrt(share.mean() * (1 - share.mean()) / 97)
    assert (share - share.mean()).abs().max() < 4 * spread, "a visit may be told anywhere in the story"


@pytest.mark.parametrize(("length", "counts"), [(1, 2), (3, 4), (4, 5), (17, 5), (200, 5)])
def test_the_count_is_uniform_whatever_is_asked(length, counts):
    task, size = Cafe(), 8000
    assert task.chance(length) == 1 / counts
    batch = task.sample(length, size, stream())
    table = torch.zeros(4, 5, dtype=torch.float64)
    table.index_put_(((batch.query - task.first[2])[:, 0], batch.target[:, 0]), torch.tensor(1.0).double(), True)
    expected = size / 4 / counts
    assert (table[:, :counts] - expected).abs().max() < 4 * math.sqrt(expected)
    assert table[:, counts:].sum() == 0


@pytest.mark.parametrize("redundancy", [0.0, 0.5, 1.0])
def test_repeats_are_as_many_at_each_count(redundancy):
    """Mentions beyond the first of each visit are uniform over 0 to the share's limit, at each count but 0."""
    task, size = Cafe(redundancy=redundancy), 12_000
    batch = task.sample(11, size, stream())
    repeats = clauses_of(task, batch)[4].sum(1) - batch.target[:, 0]
    limit = {0.0: 0, 0.5: 3, 1.0: 7}[redundancy]
    for count in range(1, 5):
        found = torch.bincount(repeats[batch.target[:, 0] == count], minlength=limit + 1) / (size / 5)
        assert len(found) == limit + 1
        assert (found - 1 / (limit + 1)).abs().max() < 4 * math.sqrt(2 / (limit + 1) / (size / 5))


def test_a_repeat_tells_of_any_visit():
    """Where two visits are repeated twice, both are in half of the stories."""
    task = Cafe(redundancy=1.0)
    batch = task.sample(11, 12_000, stream())
    person, _, _, hour, inside = clauses_of(task, batch)
    rows = (batch.target[:, 0] == 2) & (inside.sum(1) == 4)
    mentions = ((person * 4 + hour).unsqueeze(2) == torch.arange(16)) & inside.unsqueeze(2)
    both = (mentions.sum(1).amax(1) == 2)[rows].double()
    assert len(both) > 200
    assert abs(both.mean() - 1 / 2) < 4 * math.sqrt(1 / 4 / len(both))


def test_who_stays_outside_may_have_been_inside_at_that_hour():
    """An act outside is by anybody at any hour: `count` times in 16 by a visitor at the hour of the visit."""
    task = Cafe()
    batch = task.sample(13, 6000, stream())
    person, act, place, hour, inside = clauses_of(task, batch)
    stay = (person * 4 + hour).unsqueeze(2) == torch.arange(16)
    visited = (stay & inside.unsqueeze(2)).any(1)
    outside = (place == batch.query - task.first[2]) & (act < 6)
    by_visitor = (stay & visited.unsqueeze(1)).any(2)
    for count in range(5):
        found = by_visitor[outside & (batch.target == count)].double()
        assert abs(found.mean() - count / 16) <= 4 * math.sqrt(count / 16 / len(found)), count


def test_distractors_name_the_place_more_often():
    few, many = (Cafe(distractors=share).sample(24, 4000, stream()) for share in (0.0, 1.0))
    outside = [((clauses_of(Cafe(), b)[2] == b.query - Cafe().first[2]).sum(1)).double().mean() for b in (few, many)]
    # Of the 20 clauses beyond the 4 that visits may need: repeats 0 to 15, on average 7.5; and of the 12.5 left none,
    # or half on average, name the place.
    assert outside[0] == pytest.approx(4 + 7.5, abs=0.3)
    assert outside[1] == pytest.approx(4 + 7.5 + 6.25, abs=0.3)


def best_guess(statistic, target):
    """Return the accuracy of the best predictor from one number, fitted to one half and scored on the other."""
    half = len(target) // 2
    table = torch.zeros(int(statistic.max()) + 1, int(target.max()) + 1)
    table.index_put_((statistic[:half], target[:half]), torch.tensor(1.0), accumulate=True)
    return (table.argmax(1)[statistic[half:]] == target[half:]).double().mean().item()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("length", [12, 47])
def test_no_cheap_statistic_tells_the_count(length, order):
    task = Cafe(order=order)
    batch = task.sample(length, 24_000, stream())
    person, act, place, hour, inside = clauses_of(task, batch)
    named = place == batch.query - task.first[2]

    def different(number):
        return ((number.unsqueeze(2) == torch.arange(4)) & inside.unsqueeze(2)).any(1).sum(1)

    # Whether anybody was inside must tell 0 from the rest, which is worth (1 + 1) / 5.
    limits = {
        "names of the place": (named, 0.22),
        "somebody inside": (inside.any(1, keepdim=True), 0.42),
        "acts inside": (inside, 0.52),
        "acts outside": (named & ~inside, 0.55),
        "arrivals": (named & (act == 6), 0.42),
        "departures": (named & (act == 11), 0.42),
        "arrivals anywhere": (act == 6, 0.42),
        "acts inside anywhere": (act >= 6, 0.52),
    }
    target = batch.target[:, 0]
    for name, (what, limit) in limits.items():
        assert best_guess(what.sum(1), target) < limit, name
    assert best_guess(inside.sum(1) * (length + 1) + named.sum(1), target) < 0.65, "both counts at once"
    assert best_guess(different(person), target) < 0.75, "persons, whenever they came"
    assert best_guess(different(hour), target) < 0.75, "hours, whoever came"


def test_without_redundancy_counting_is_enough():
    task = Cafe(redundancy=0.0)
    batch = task.sample(19, 500, stream())
    assert torch.equal(clauses_of(task, batch)[4].sum(1, keepdim=True), batch.target)


def every_clause():
    return map(Clause._make, itertools.product(range(len(PERSONS)), range(len(ACTS)), range(len(PLACES)), range(8)))


@pytest.fixture(scope="module", params=LANGUAGES)
def reader(request):
    """Give the language and the clause that each sentence tells, whatever its wording."""
    meanings = {}
    for clause in every_clause():
        for position in range(4):
            sentence = tell_clause(clause, position, request.param)
            assert meanings.setdefault(sentence, clause) == clause, "one sentence, two clauses"
    assert len(meanings) == 4 * len(PERSONS) * len(ACTS) * len(PLACES) * len(HOURS), "four wordings each"
    return request.param, meanings


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_telling_can_be_read_back(reader, settings):
    language, meanings = reader
    task = Cafe(**settings)
    batch = task.sample(17, 23, stream())
    for row in range(len(batch)):
        text, question, answer = task.tell(batch, row, language).split("\n")
        sentences = (
            [f"{s}。" for s in text[:-1].split("。")] if language == "zh" else text.replace(". ", ".\n").split("\n")
        )
        clauses = [meanings[sentence] for sentence in sentences]
        tokens = [number + first for clause in clauses for number, first in zip(clause, task.first, strict=True)]
        assert tokens == batch.source[row].tolist()
        asked = batch.query[row].item() - task.first[2]
        assert PLACES[asked]._asdict()[language] in question
        assert sum(place._asdict()[language] in question for place in PLACES) == 1
        visits = {(c.person, c.hour) for c in clauses if ACTS[c.act] in INSIDE and c.place == asked}
        assert answer == f"{len(visits)}{'人次。' if language == 'zh' else '.'}"


def test_told_by_hand():
    task = Cafe()
    batch = story(task, "Anna means_to_go_to café nine Bruno enters inn noon Clara leaves café ten", "café")
    batch.target[0, 0] = 1
    assert task.tell(batch, 0) == (
        "At nine, Anna meant to go to the café. Bruno came into the inn at noon. "
        "At ten, Clara walked out of the café.\n"
        "How many visits were paid to the café? (One person at one hour is one visit.)\n1."
    )
    batch.source[0, 4:8] = HIDDEN
    assert task.tell(batch, 0, "zh") == (
        "上午九点，安娜打算去咖啡馆。…上午十点，克拉拉从咖啡馆里走了出来。\n"
        "咖啡馆一共接待了多少人次？（同一个人在同一钟点只算一人次。）\n1人次。"
    )
    with pytest.raises(ValueError, match="language is 'fr', but stories of the café exist in en and zh"):
        task.tell(batch, 0, "fr")


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_token_has_a_word_and_is_used(settings):
    task = Cafe(**settings)
    batch = task.sample(37, 800, stream())
    for part, size in (("source", task.source_space.size), ("query", task.query_space.size)):
        assert len(task.words(part)) == len(set(task.words(part))) == size
    assert len(task.words("target")) == task.target_space.size
    assert torch.equal(batch.source.unique(), torch.arange(task.source_space.size))
    assert batch.source.shape == (800, 4 * 37)


@pytest.mark.parametrize("name", Cafe.presets)
def test_presets_can_be_sampled(name):
    preset = dict(Cafe.presets[name])
    lengths = [*preset.pop("length"), *preset.pop("test_lengths")]
    task = Cafe(**preset)
    for length in lengths:
        batch = task.sample(length, 3, stream())
        assert torch.equal(task.answer(batch), batch.target)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"places": 1}, "places is 1, but must be from 2 to 8"),
        ({"persons": 9}, "persons is 9, but must be from 1 to 8"),
        ({"hours": 0}, "hours is 0, but must be from 1 to 8"),
        ({"most": 0}, "most is 0, but must be from 1 to 15"),
        ({"most": 6, "persons": 2, "hours": 3}, "most is 6, but must be from 1 to 5"),
        ({"redundancy": 1.5}, "redundancy is 1.5, but must be from 0 to 1"),
        ({"distractors": -0.5}, "distractors is -0.5, but must be from 0 to 1"),
        ({"order": "backwards"}, "order is 'backwards', but must be chronological or told"),
    ],
)
def test_refusals(settings, message):
    with pytest.raises(ValueError, match=message):
        Cafe(**settings)


def test_too_short_is_refused():
    with pytest.raises(ValueError, match="length is 0, but must be at least 1"):
        Cafe().sample(0, 3, stream())
