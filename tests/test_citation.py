"""What CITATION.cff says is what pyproject.toml says."""

import tomllib

import yaml

from runner.plugins import ROOT

REQUIRED = {"cff-version", "message", "title", "authors"}
"""The keys that version 1.2.0 of the format requires."""


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation.keys() >= REQUIRED
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == project["version"]
    assert citation["license"] == project["license"]
