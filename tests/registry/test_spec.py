"""One reader of choices: names, settings, types, parts, and the texts of mistakes."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import pytest

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS
from mechanisms.alignments.location import Location
from registry import Choice, Registry, Spec, SpecError

INNER = Registry[Any]("test inner")
THINGS = Registry[Any]("test thing", positional=1, fixed=("fixed",))


@INNER.register("word")
class Word:
    def __init__(self, *, size: int = 3) -> None:
        self.size = size


@THINGS.register("thing")
class Thing:
    def __init__(
        self,
        width: int,
        *,
        fixed: bool = True,
        needed: int,
        ratio: float = 4.0,
        sizes: Sequence[int] = (1, 2),
        inner: Annotated[Choice, INNER] = "word",
        inside: dict[str, Any] | None = None,
    ) -> None:
        self.width, self.fixed, self.needed, self.ratio, self.sizes = width, fixed, needed, ratio, sizes
        self.inner, self.inside = INNER.build(inner), inside


def test_a_name_a_name_with_settings_a_spec_and_a_class():
    assert ALIGNMENTS.build("location", 2, 3, 3).max_length == 1024
    assert ALIGNMENTS.build({"location": {"max_length": 17}}, 2, 3, 3).max_length == 17
    assert ALIGNMENTS.build({"location": None}, 2, 3, 3).max_length == 1024
    assert ALIGNMENTS.build(ALIGNMENTS.spec({"location": {"max_length": 5}}), 2, 3, 3).max_length == 5
    assert isinstance(ALIGNMENTS.build(Location, 2, 3, 3), Location)
    assert len(MODELS.build({"transformer": {"layers": 3}}, 8, causal=True).stack.blocks) == 3


def test_a_spec_is_complete_and_remembers_what_was_given():
    spec = THINGS.spec({"thing": {"needed": 2, "inner": {"word": {"size": 5}}}})
    assert spec.settings == {
        "needed": 2,
        "ratio": 4.0,
        "sizes": (1, 2),
        "inner": INNER.spec({"word": {"size": 5}}),
        "inside": None,
    }
    assert spec.given == {"needed": 2, "inner": {"word": {"size": 5}}}
    assert [part.name for part in spec.walk()] == ["thing", "word"]


def test_a_spec_builds_its_object():
    built = THINGS.spec({"thing": {"needed": 2, "inner": {"word": {"size": 5}}}}).build(7, fixed=False)
    assert (built.width, built.fixed, built.needed, built.inner.size) == (7, False, 2, 5)


def test_a_spec_goes_to_json_and_back():
    spec = THINGS.spec({"thing": {"needed": 2, "inside": {"deep": [1, {"er": "x"}]}}})
    back = Spec.from_json(json.loads(json.dumps(spec.to_json())))
    assert back == spec
    assert hash(back) == hash(spec)
    assert back.given == spec.given
    assert back.build(1).inner.size == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"needed": 1, "ratio": 4}, {"needed": 1, "ratio": 4.0}),
        ({"needed": 1, "ratio": 4.0}, {"needed": 1}),
        ({"needed": 1, "inner": {"word": {}}}, {"needed": 1, "inner": {"word": None}}),
        ({"needed": 1, "inner": {"word": {"size": 3}}}, {"needed": 1, "inner": "word"}),
        ({"needed": 1, "sizes": [1, 2]}, {"needed": 1}),
    ],
)
def test_equal_choices_are_equal_however_they_are_written(one, other):
    assert THINGS.spec({"thing": one}) == THINGS.spec({"thing": other})


def test_different_choices_differ():
    one, other = ({"thing": {"needed": 1, "ratio": ratio}} for ratio in (2.6666667, 2.6666666))
    assert THINGS.spec(one) != THINGS.spec(other)


@pytest.mark.parametrize(
    ("registry", "choice", "sentence"),
    [
        (
            ALIGNMENTS,
            {"location": {"max_lenght": 7}},
            "alignment 'location' has no setting 'max_lenght'. Did you mean 'max_length'?",
        ),
        (ALIGNMENTS, {"dot": {"scale": 7}}, "alignment 'dot' has no setting 'scale'. It has none."),
        (MODELS, {"lstm": {1: 2}}, "model 'lstm' has no setting '1'."),
        (ALIGNMENTS, "aditive", "unknown alignment 'aditive'. Did you mean 'additive'?"),
        (ALIGNMENTS, {"dot": {}, "general": {}}, "an alignment is {dot: {}, general: {}}; a name, or one name"),
        (ALIGNMENTS, {"location": 7}, "an alignment is {location: 7}; a name, or one name with its settings"),
        (ALIGNMENTS, {"location": {"heads": 7}}, "alignment 'location' has no setting 'heads'"),
        (NORMALIZERS, {"softmax": {"temperature": 2.0}}, "normalizer 'softmax' has no setting 'temperature'"),
        (MODELS, {"transformer": {"causal": False}}, "model 'transformer' has no setting 'causal'"),
        (MODELS, {"transformer": {"layers": "two"}}, "layers is 'two'; a whole number was expected"),
        (MODELS, {"transformer": {"layers": True}}, "layers is true; a whole number was expected"),
        (MODELS, {"transformer": {"window": 2.5}}, "window is 2.5; a whole number or null was expected"),
        (MODELS, {"transformer": {"alignment": "aditive"}}, "unknown alignment 'aditive'. Did you mean 'additive'?"),
        (THINGS, "thing", "test thing 'thing' needs the setting 'needed'"),
        (THINGS, {"thing": {"needed": 1, "sizes": 3}}, "sizes is 3; a list of whole numbers was expected"),
        (THINGS, {"thing": {"needed": 1, "sizes": ["a"]}}, "sizes is ['a']; a list of whole numbers was expected"),
        (THINGS, {"thing": {"needed": 1, "inside": 3}}, "inside is 3; a mapping or null was expected"),
    ],
)
def test_mistakes_get_their_sentence(registry, choice, sentence):
    with pytest.raises(SpecError) as caught:
        registry.spec(choice)
    assert sentence in str(caught.value)


def test_a_mistake_knows_the_keys_that_lead_to_it():
    with pytest.raises(SpecError) as caught:
        THINGS.spec({"thing": {"needed": 1, "inner": {"word": {"size": "x"}}}})
    assert caught.value.where == ("thing", "inner", "word", "size")


def test_a_spec_of_another_kind_is_refused():
    with pytest.raises(SpecError, match="an alignment was expected, but 'lstm' is a model"):
        ALIGNMENTS.spec(MODELS.spec("lstm"))


def test_what_a_contract_fixes_can_be_set_by_a_class_that_says_so():
    @THINGS.register("careful")
    class Careful:
        also_set = ("fixed",)

        def __init__(self, width: int, *, fixed: bool = True) -> None:
            self.fixed = fixed

    found = [
        [THINGS.build(choice, 3, fixed=fixed).fixed for fixed in (True, False)]
        for choice in ("careful", {"careful": {"fixed": False}})
    ]
    assert found == [[True, False], [False, False]]
    with pytest.raises(SpecError, match="has no setting 'fixed'"):
        THINGS.spec({"thing": {"needed": 1, "fixed": False}})


def test_a_setting_that_was_renamed_says_its_present_name():
    @THINGS.register("renamed")
    class Renamed:
        renamed: ClassVar = {"old": "new"}

        def __init__(self, width: int, *, new: int = 1) -> None:
            self.new = new

    with pytest.raises(SpecError) as caught:
        THINGS.spec({"renamed": {"old": 3}})
    assert str(caught.value) == "test thing 'renamed' has no setting 'old': it is called 'new' now."
    assert caught.value.where == ("renamed", "old")
    with pytest.raises(SpecError, match=r"has no setting 'older'\."):
        THINGS.spec({"renamed": {"older": 3}})


@pytest.mark.parametrize("registry", [ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS], ids=lambda registry: registry.kind)
def test_an_old_name_is_no_setting_and_its_present_name_is_one(registry):
    for entry in registry.entries():
        settings = registry.settings(entry.value) or {}
        assert settings.keys() >= set(entry.value.renamed.values())
        assert not settings.keys() & entry.value.renamed.keys()
