"""The formula and the source are read from the class docstring, wherever a class comes from."""

import pytest

from registry import Registry
from registry.docstring import parts_of, short_source, source_of

LUONG = 'Luong, Pham, Manning 2015, "Effective approaches" (arXiv 1508.04025), section 3.1, "dot".'


class Documented:
    """e = s h
    over two lines

    What is to be known. Source code is not meant.

    Source: Luong, Pham, Manning 2015, "Effective
    approaches" (arXiv 1508.04025), section 3.1, "dot".

    Source: a second one does not count.
    """


class Undocumented(Documented):
    pass


def test_the_formula_is_the_first_paragraph_and_the_source_has_a_line_of_its_own():
    formula, text = parts_of(Documented)
    assert formula == "e = s h\nover two lines"
    assert text.startswith("What is to be known.")
    assert source_of(Documented) == LUONG


def test_a_docstring_is_not_inherited():
    assert parts_of(Undocumented) == ("It has no docstring.", "")
    assert source_of(Undocumented) == ""


@pytest.mark.parametrize(
    ("source", "short"),
    [
        (LUONG, "Luong, Pham, Manning 2015"),
        ('Elman 1990, "Finding structure in time".', "Elman 1990"),
        ("Hewitt et al. 2020 (arXiv 2010.07515).", "Hewitt et al. 2020"),
        ("Nangia & Bowman 2018 (arXiv 1804.06028), section 3; Tay et al. 2020.", "Nangia & Bowman 2018"),
        ("Bengio, Simard, Frasconi 1994; Pascanu, Mikolov, Bengio 2013.", "Bengio, Simard, Frasconi 1994"),
        ("this project.", "this project"),
        ("", ""),
    ],
)
def test_the_short_form_of_a_source(source, short):
    assert short_source(source) == short


def test_the_source_is_a_declared_property():
    registry = Registry[object]("test documented")
    value = registry.register("documented")(type("Small", (Documented,), {"__doc__": Documented.__doc__}))
    assert registry.properties(value) == {"source": LUONG}
