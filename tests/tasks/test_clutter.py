"""Clutter: against a search of the image pixel by pixel."""

import math

import pytest
import torch

from tasks import TASKS, Batch
from tasks.clutter import SHAPES, draw_distractors, draw_shapes
from tasks.conformance.example import read_example


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def draw(length, size=101, seed=5, **settings):
    task = TASKS["clutter"](**settings)
    return task, task.sample(length, size, stream(seed))


def picture(batch, row, patch):
    """Return a row's lit pixels as a set of (y, x), each pixel looked up in its patch."""
    side = math.isqrt(batch.source.shape[1])
    values = batch.source[row].tolist()
    grid = [(y, x) for y in range(side * patch) for x in range(side * patch)]
    return {(y, x) for y, x in grid if values[y // patch * side + x // patch][y % patch * patch + x % patch] >= 0.5}


def found(lit, height):
    """Return (shape, corner) for each window that shows exactly a shape."""
    forms = [
        {(y, x) for y, row in enumerate(s.split()) for x, p in enumerate(row) if p == "#"} for s in SHAPES.values()
    ]
    windows = [(y, x) for y in range(height - 4) for x in range(height - 4)]
    return [
        (number, (y, x))
        for y, x in windows
        for number, form in enumerate(forms)
        if form == {(b - y, a - x) for b, a in lit if y <= b < y + 5 and x <= a < x + 5}
    ]


@pytest.mark.reference("task", "clutter")
@pytest.mark.parametrize(
    ("length", "settings"),
    [
        (9, {}),
        (16, {}),
        (25, {"distractors": 8}),
        (36, {"patch": 3, "noise": 0.49}),
        (4, {"patch": 7, "distractors": 1}),
    ],
)
def test_one_shape_alone_is_in_the_image(length, settings):
    task, batch = draw(length, size=23, **settings)
    side = math.isqrt(length)
    for row in range(len(batch)):
        lit = picture(batch, row, task.patch)
        [(shape, (y, x))] = found(lit, side * task.patch)
        assert shape == batch.target[row]
        pixels = {(b, a) for b, a in lit if y <= b < y + 5 and x <= a < x + 5}
        linked = {b // task.patch * side + a // task.patch for b, a in pixels}
        assert linked == set(batch.links[row, 0].nonzero().flatten().tolist())
        assert len(lit) > len(pixels) or not task.distractors


def test_shapes_hang_together_and_fill_their_box():
    for shape in draw_shapes().bool():
        assert shape[0].any() and shape[-1].any() and shape[:, 0].any() and shape[:, -1].any()  # noqa: PT018
        lit = {tuple(pixel) for pixel in shape.nonzero().tolist()}
        reached, edge = set(), {min(lit)}
        while edge:
            reached |= edge
            edge = {(y + b, x + a) for y, x in edge for b in (-1, 0, 1) for a in (-1, 0, 1)} & lit - reached
        assert reached == lit


def test_no_distractor_holds_a_shape_and_each_half_is_one_of_a_shape():
    shapes = draw_shapes().bool()
    mixtures = draw_distractors().bool()
    assert len(mixtures) > 40
    for mixture in mixtures:
        assert not any((mixture & shape).equal(shape) for shape in shapes)
        assert any(mixture[:3].equal(shape[:3]) for shape in shapes)
        assert any(mixture[3:].equal(shape[3:]) for shape in shapes)


def test_every_linked_patch_matters_and_no_other_does():
    task, batch = draw(25, size=61)
    for patch in range(25):
        source = batch.source.clone()
        source[:, patch] = 0
        answer = task.answer(Batch(source, batch.query, batch.target, batch.scored))
        assert torch.equal(answer != batch.target, batch.links[..., patch])
    alone = batch.source * batch.links[:, 0].unsqueeze(2)
    assert torch.equal(task.answer(Batch(alone, batch.query, batch.target, batch.scored)), batch.target)


def test_classes_are_equally_likely_and_shapes_everywhere():
    task, batch = draw(36, size=20_000, noise=0.0)
    shares = torch.bincount(batch.target[:, 0], minlength=len(SHAPES)) / len(batch)
    assert (shares - task.chance(36)).abs().max() < 4 * math.sqrt(1 / 8 * 7 / 8 / len(batch))
    assert batch.links.any(0).all(), "a shape may be in any patch"


def test_noise_stays_below_its_bound():
    _, batch = draw(16, noise=0.125)
    distance = torch.minimum(batch.source, 1 - batch.source)
    assert 0.12 < distance.max() <= 0.125
    assert distance.min() >= 0
    assert distance.mean().item() == pytest.approx(0.0625, rel=0.02)


@pytest.mark.parametrize("length", [-1, 0, 4, 15, 17])
def test_lengths_without_an_image_are_refused(length):
    with pytest.raises(ValueError, match=f"length is {length}, but a square image .* at least 9"):
        TASKS["clutter"]().sample(length, 3, stream())


def test_the_least_length_that_is_named_has_room():
    for distractors in range(12):
        for patch in (1, 2, 3, 5, 8):
            task = TASKS["clutter"](distractors=distractors, patch=patch)
            with pytest.raises(ValueError, match="length is 0") as refusal:
                task.check_length(0)
            least = int(str(refusal.value).rsplit(" ", 1)[1])
            assert torch.equal((batch := task.sample(least, 5, stream())).target, task.answer(batch))
            with pytest.raises(ValueError, match="length"):
                task.check_length((math.isqrt(least) - 1) ** 2)


@pytest.mark.parametrize("settings", [{"distractors": -1}, {"patch": 0}, {"noise": 0.5}, {"noise": -0.1}])
def test_impossible_settings_are_refused(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        TASKS["clutter"](**settings)


def test_presets_can_be_drawn():
    for settings in TASKS["clutter"].presets.values():
        task, batch = draw(size=2, **settings)
        assert torch.equal(task.answer(batch), batch.target)


def test_the_picture_in_the_docstring_is_what_tell_shows_and_read_picture_reads():
    task = TASKS["clutter"](distractors=1, noise=0.0)
    picture = read_example(task.__doc__).picture
    source, query = task.read_picture(picture).unsqueeze(0), torch.zeros(1, 1, dtype=torch.long)
    assert source[0, 0].view(4, 4).tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [0, 1, 0, 1], [0, 1, 0, 1]], (
        "the first patch"
    )
    links = torch.tensor([[[True, False, False, True, True, False, False, False, False]]])
    batch = Batch(source, query, task.answer(Batch(source, query, query, query == 0)), query == 0, links)
    assert task.tell(batch, 0).splitlines() == [*picture, "Which shape is in the clutter? triangle"]
    assert task.tell(batch, 0, "zh").splitlines() == [*picture, "杂乱之中有哪个图形? 三角"]


def test_every_picture_that_tell_shows_is_read_again():
    batch = TASKS["clutter"](noise=0.0).sample(36, 5, torch.Generator().manual_seed(1))
    for row in range(len(batch)):
        *picture, _ = TASKS["clutter"]().tell(batch, row).splitlines()
        assert torch.equal(TASKS["clutter"]().read_picture(picture), batch.source[row])
