"""Examples of tasks as a person reads them, and what is said where one asks for what there is not."""

import pytest

from registry import UserError
from runner.catalogue.examples import examples, read_settings
from tasks import TASKS


def shown(name, *, length=None, seed=0, count=1, language="en", width=80, settings=None):
    return list(examples(name, settings or {}, length, seed, count, language, width))


def test_source_query_answer_and_links_stand_below_one_another():
    (text,) = shown("reverse", length=3)
    lines = text.splitlines()
    assert lines[0] == "length 3, example 1"
    source, query, answer = (lines[i].split()[1:] for i in (1, 2, 3))
    assert query == ["?"] * 3
    assert answer == source[::-1]
    head = lines[6].index(source[0])
    for place, line in enumerate(lines[7:10]):
        assert line.startswith(f"? → {answer[place]}")
        assert line.index("^") == head + 2 * (2 - place), "the mark stands under the symbol that is said"


def test_what_is_not_asked_is_a_dot():
    (text,) = shown("recall", length=13, settings={"pairs": 2, "vocabulary": 12})
    answers = next(line for line in text.splitlines() if line.startswith("answer")).split()[1:]
    assert len(answers) == 9
    assert answers.count(".") == 7


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", list(TASKS))
def test_every_task_is_shown_within_the_width(name, width):
    for text in shown(name, count=2, width=width):
        told = TASKS[name].tell is not TASKS["copy"].tell
        assert "answer" in text
        assert told or max(map(len, text.splitlines())) <= width


def test_every_story_is_told_in_two_languages():
    english, chinese = (shown("cafe", length=5, language=language)[0] for language in ("en", "zh"))
    assert english != chinese
    assert any("一" <= letter <= "鿿" for letter in chinese)
    assert english.splitlines()[-1] == chinese.splitlines()[-1], "the links are the same"


def test_a_seed_is_an_example():
    assert shown("copy") == shown("copy")
    assert shown("copy") != shown("copy", seed=1)


def test_presets_and_settings_are_read():
    assert read_settings("recall", "zoology-64", ["vocabulary=16"])["vocabulary"] == 16
    assert read_settings("needle", None, ["depth=0.5", "needles=2"]) == {"depth": 0.5, "needles": 2}
    text = shown("copy", settings=read_settings("copy", "arjovsky-100", []), width=300)[0]
    assert text.startswith("length 100,")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("copy", "arjovsky-99", []), "copy has no preset 'arjovsky-99'. Did you mean"),
        (("parity", "zoology", []), "parity has no preset 'zoology'"),
        (("copy", None, ["itmes=3"]), "--set itmes=3: copy has no setting 'itmes'. Did you mean 'items'?"),
        (("copy", None, ["items"]), "--set items: a setting with its value, as in pairs=4, was expected"),
        (("cpoy", None, []), "unknown task 'cpoy'. Did you mean 'copy'?"),
    ],
)
def test_mistakes_in_settings(arguments, sentence):
    with pytest.raises(UserError) as caught:
        read_settings(*arguments)
    assert sentence in str(caught.value)


def test_mistakes_in_examples():
    with pytest.raises(UserError, match="length is 4, but must be at least 15 for 4 pairs"):
        shown("recall", length=4)
    with pytest.raises(UserError, match="--language fr: examples are told in en and zh"):
        shown("cafe", language="fr")
    with pytest.raises(UserError, match="needs items >= 1"):
        shown("copy", settings={"items": 0})


def test_the_command(shell):
    done = shell("show", "copy", "--length", "3", "--examples", "2", "--set", "items=2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("answer") == 2
    wrong = shell("show", "cpoy")
    assert wrong.returncode == 1
    assert wrong.stderr.splitlines() == ["error: unknown task 'cpoy'. Did you mean 'copy'?"]
