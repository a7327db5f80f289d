"""The ground floor: names, near misses, broken modules and plugins."""

import hashlib
import sys

import pytest

from registry import Registry, UserError, load_plugin, suggestion
from registry.plugins import is_loaded


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with one good module and one that cannot be imported."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "__init__.py").write_text("from registry import Registry\nANIMALS = Registry('animal', 'zoo')\n")
    (folder / "cat.py").write_text("from . import ANIMALS\n\n@ANIMALS.register('cat')\nclass Cat:\n    pass\n")
    (folder / "unicorn.py").write_text("import not_a_module_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("zoo").ANIMALS
    for name in [name for name in sys.modules if name.split(".")[0] == "zoo"]:
        del sys.modules[name]


def test_a_broken_module_is_listed_and_the_rest_works(package):
    assert list(package) == ["cat"]
    assert package["cat"].__name__ == "Cat"
    assert package.entry("cat").origin.kind == "built-in"
    assert "not_a_module_at_all" in package.unavailable["unicorn"]
    with pytest.raises(UserError, match=r"unknown animal 'unicorn' \(it could not be imported: "):
        package["unicorn"]


def test_unknown_name_says_did_you_mean(package):
    with pytest.raises(UserError, match=r"unknown animal 'cta'. Did you mean 'cat'\?"):
        package["cta"]


def test_a_duplicate_raises_and_names_who_has_it(package):
    assert "cat" in package
    with pytest.raises(ValueError, match="animal 'cat' is already registered, by attention-bench"):
        package.register("cat")(type("Other", (), {}))


def test_register_returns_the_class_unchanged():
    registry: Registry[object] = Registry("thing", "json")
    value = type("Thing", (), {})
    assert registry.register("thing")(value) is value


def test_nearest_lists_what_there_is_where_nothing_is_close():
    assert suggestion("qqq", ["dot", "additive"]) == " Known: additive, dot."
    assert suggestion("qqq", []) == ""


def test_a_plugin_file_has_its_content_as_version(package, tmp_path):
    text = "from zoo import ANIMALS\n\n@ANIMALS.register('dog')\nclass Dog:\n    pass\n"
    (tmp_path / "dog.py").write_text(text)
    origin = load_plugin(str(tmp_path / "dog.py"))
    assert origin.is_plugin
    assert origin.version == hashlib.sha256(text.encode()).hexdigest()[:12]
    assert package.entry("dog").origin == origin


def test_a_plugin_cannot_take_a_built_in_name(package, tmp_path):
    """Also where nothing has been looked up yet."""
    (tmp_path / "other.py").write_text("from zoo import ANIMALS\n\nANIMALS.register('cat')(type('Other', (), {}))\n")
    with pytest.raises(UserError, match="animal 'cat' is already registered, by attention-bench"):
        load_plugin(str(tmp_path / "other.py"))
    assert package["cat"].__name__ == "Cat"


def test_a_plugin_that_fails_leaves_its_error(tmp_path):
    (tmp_path / "bad.py").write_text("1 / 0\n")
    with pytest.raises(UserError, match=r"bad.py: cannot be imported: ZeroDivisionError: division by zero"):
        load_plugin(str(tmp_path / "bad.py"))
    with pytest.raises(UserError, match="the file does not exist"):
        load_plugin(str(tmp_path / "none.py"))
    (tmp_path / "loop.py").symlink_to("loop.py")
    assert not is_loaded(str(tmp_path / "loop.py"))
    with pytest.raises(UserError, match="the file does not exist"):
        load_plugin(str(tmp_path / "loop.py"))
    with pytest.raises(UserError, match="plug-in distribution:nope: no distribution with this name is installed"):
        load_plugin("distribution:nope")


def with_a_function(self, size=1, *, found=lambda: None):
    pass


@pytest.mark.parametrize(
    ("members", "what"),
    [({"solid": {1}}, r"solid, which is \{1\}"), ({"__init__": with_a_function}, "found, which is <function")],
)
def test_a_plugin_must_be_something_that_results_can_keep(members, what):
    registry = Registry("thing", properties=("solid",))
    with pytest.raises(ValueError, match=f"thing 'a': results cannot keep {what}"):
        registry.register("a")(type("A", (), members))
    registry.register("b")(type("B", (), {"solid": ("yes", 1, None)}))
    assert list(registry) == ["b"]


def test_what_a_plugin_registers_before_its_import_fails_is_forgotten(package, tmp_path):
    (tmp_path / "half.py").write_text(
        "from zoo import ANIMALS\n\n@ANIMALS.register('half')\nclass Half:\n    pass\n\n1 / 0\n"
    )
    with pytest.raises(UserError, match="ZeroDivisionError"):
        load_plugin(str(tmp_path / "half.py"))
    assert "half" not in package
