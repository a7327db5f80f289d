"""YAML as plain values, with the line of each. What YAML reads as another value than it seems to be is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import yaml

from registry.errors import shorten, written

Node: TypeAlias = yaml.Node | None

TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"
PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")
LARGEST = 10**15  # beyond it, a number is a slip
UNLIMITED = ("limits", "seconds")  # may be .inf; no other number may
INFINITY = f"{TAG}infinity"
MOST_DIGITS = 400  # Python refuses to convert much longer ones


class ReadError(Exception):
    """Text that cannot be read; `line` is counted from 1."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line


def read(text: str) -> tuple[Node, Any]:
    """Return the tree of a YAML document and its value, both None where it is empty. Raises ReadError."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return None, None
        _check(root, set(), set())
        _allow_infinity(root)
        return root, loader.construct_document(root)
    except RecursionError:
        raise ReadError(1, "lists and mappings are nested too deeply") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ReadError(line, f"not valid YAML: the character U+{error.character:04X} is not allowed") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ReadError(
            mark.line + 1 if mark else 1, f"not valid YAML: {shorten(error.problem or error.context)}"
        ) from None


def line_of(root: Node, where: Sequence[str | int]) -> int:
    """Return the line, from 1, of the deepest part of `where`, a path of keys and indices, that is in the tree."""
    node, line = root, 1
    for part in where:
        step = _child(node, part)
        if step is not None:
            node, line = step
    return line


def _child(node: Node, part: str | int) -> tuple[Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], _line(node.value[part])
    if isinstance(node, yaml.MappingNode):
        # From the end, because what is merged in stands before the keys that override it.
        for key, value in reversed(node.value):
            if key.value == str(part):
                return value, _line(key)
    return None


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line + 1
    return line


def _check(node: yaml.Node, above: set[int], done: set[int]) -> None:
    """Refuse keys that are given twice, and nodes that contain themselves. The tree is as written, without merges.

    Keys become words, whatever they look like.
    """
    if isinstance(node, yaml.ScalarNode):
        _check_text(node)
    if id(node) in above:
        raise ReadError(_line(node), "a list or mapping contains itself")
    if id(node) in done or isinstance(node, yaml.ScalarNode):
        return
    done.add(id(node))
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    children = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
    for child in children:
        _check(child, above | {id(node)}, done)


def _allow_infinity(root: yaml.Node) -> None:
    found: Node = root
    for part in UNLIMITED:
        step = _child(found, part)
        found = step and step[0]
    if isinstance(found, yaml.ScalarNode) and found.value.lower().removeprefix("+") == ".inf":
        found.tag = INFINITY


def _check_text(node: yaml.ScalarNode) -> None:
    """Join the halves of characters, as JSON writes them, and refuse a half alone, which no file can hold."""
    try:
        node.value = node.value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise ReadError(_line(node), f"{written(node.value)} contains half of a character") from None


def _check_keys(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
            continue
        if key.value in lines:
            sentence = (
                f"the key {written(key.value)} is given twice, first on line {lines[key.value]}; keep one of them"
            )
            raise ReadError(_line(key), sentence)
        lines[key.value] = _line(key)
        key.tag = f"{TAG}str"


class _Loader(yaml.SafeLoader):
    """Reads plain values only: a date is a word, and 1e-3 is a number."""

    # Of the tags that YAML has, those of plain values.
    yaml_constructors: ClassVar = {
        tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if tag is None or tag[len(TAG) :] in PLAIN
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, KeyError) as error:
            # A tag that the text does not fit, as in !!int many.
            sentence = f"{written(node.value)} is not a value of the type {shorten(node.tag.removeprefix(TAG))}"
            raise ReadError(_line(node), sentence) from error


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != f"{TAG}timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

Make: TypeAlias = Callable[[Any, yaml.ScalarNode], float]


def _number(make: Make) -> Make:
    """Return a constructor that refuses a number that is not what it seems to be."""

    def checked(loader: Any, node: yaml.ScalarNode) -> float:
        text = shorten(node.value, 40)
        value = make(loader, node) if len(node.value) <= MOST_DIGITS else math.inf
        if text.lower().lstrip("+-") in (".inf", ".nan"):
            raise ReadError(_line(node), f"{text} is not a finite number")
        if abs(value) >= LARGEST:
            raise ReadError(_line(node), f"{text} is too large a number; less than 10^15 was expected")
        if ":" in text or re.fullmatch(r"[-+]?0[0-9_]+", text):
            sentence = f"YAML reads {text} as {value}; write the number without a colon or a 0 in front"
            raise ReadError(_line(node), sentence)
        return value

    return checked


_Loader.add_constructor(INFINITY, lambda loader, node: math.inf)
_Loader.add_constructor(f"{TAG}int", _number(yaml.SafeLoader.construct_yaml_int))
_Loader.add_constructor(f"{TAG}float", _number(yaml.SafeLoader.construct_yaml_float))
_Loader.add_implicit_resolver(
    f"{TAG}float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
