"""The probes of a suite."""

from __future__ import annotations

from registry import Spec, UserError

from ..isolation import tried, why
from ..probes import PROBES
from ..trial.measure import quantities
from .expand import Expansion, Where
from .file import SuiteFile


def suite_probes(file: SuiteFile, unavailable: dict[str, str]) -> list[Spec]:
    """Return the probes of a suite. A plug-in that fails is `unavailable`, with its reason."""
    expansion = Expansion(file, PROBES)
    found: dict[str, Spec] = {}
    for index, entry in enumerate(file.suite.probes):
        for probe, where in expansion.specs(entry, ("probes", index)):
            try:
                _try_probe(expansion, probe, where)
            except UserError:
                raise
            except Exception as error:
                unavailable[probe.name] = f"it cannot be built: {why(error)}"
                continue
            if probe.name in found:
                raise file.error(
                    where, f"the probe '{probe.name}' is given twice; give it once, with one set of settings"
                )
            found[probe.name] = probe
    return list(found.values())


def _try_probe(expansion: Expansion, probe: Spec, where: Where) -> None:
    """Construct a probe, and read what the plan needs to know of it."""

    def read() -> None:
        built = expansion.build(probe, where)
        quantities([probe], ())
        float(built.about_seconds)
        range(built.rounds)
        probe.value.measures_trained()
        probe.value.measures_untrained()
        tuple(probe.value.depends_on(probe.settings))

    if PROBES.entry(probe.name).origin.is_plugin:
        tried(read)
    else:
        read()
