"""`new` writes the template of a kind, with the name filled in; its mistakes are sentences."""

import pytest

from registry import Registry, UserError
from runner.catalogue import scaffold
from runner.catalogue.scaffold import create
from runner.plugins import REGISTRIES


@pytest.mark.parametrize("kind", list(REGISTRIES))
def test_the_template_of_each_kind_is_filled_in(kind, tmp_path):
    path = create(kind, "my_thing", tmp_path / "new")
    text = path.read_text(encoding="utf-8")
    assert path == tmp_path / "new" / "my_thing.py"
    assert '.register("my_thing")\nclass MyThing(' in text
    assert "$" not in text
    compile(text, str(path), "exec")


def test_the_template_is_that_of_the_registry(monkeypatch, tmp_path):
    """A kind that is added needs no change of `new`."""
    monkeypatch.setitem(scaffold.REGISTRIES, "another", Registry("another", "mechanisms.positions"))
    assert create("another", "mine", tmp_path).read_text().count("POSITIONS") == 2
    monkeypatch.setitem(scaffold.REGISTRIES, "another", Registry("another"))
    with pytest.raises(UserError, match="there is no template for 'another'"):
        create("another", "mine", tmp_path / "elsewhere")


def test_nothing_is_overwritten(tmp_path):
    create("task", "mine", tmp_path).write_text("edited")
    with pytest.raises(UserError, match="exists already; edit it, or choose another name"):
        create("task", "mine", tmp_path)
    assert (tmp_path / "mine.py").read_text() == "edited"


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("alignmnt", "mine", "there is no template for 'alignmnt'. Did you mean 'alignment'?"),
        ("task", "my-task", "'my-task' is not a Python name"),
        ("task", "class", "'class' is not a Python name"),
        ("task", "copy", "the task 'copy' is taken, by attention-bench"),
    ],
)
def test_mistakes_get_their_sentence(kind, name, sentence, tmp_path):
    with pytest.raises(UserError) as error:
        create(kind, name, tmp_path)
    assert sentence in str(error.value)
    assert not list(tmp_path.iterdir())
