"""The mechanisms of a suite with their widths, and the reason for each that cannot be built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mechanisms import MODELS, incompatibility
from registry import Spec, SpecError

from ..isolation import ApartError, tried
from ..training import seeds
from ..training.network import parameter_count
from . import match
from .expand import Expansion, Where, first_line
from .file import SuiteFile

SMALL = 2**24  # elements; a model with matrices of at most this size is built in memory to count its parameters


@dataclass(frozen=True)
class Mechanism:
    """A model with its width. `reason` says why it cannot run at all, None if it can.

    `parameters` are those of the model only. They are None if they are not known, because plug-ins are built only in
    the processes of their trials.
    """

    spec: Spec
    width: int
    parameters: int | None = None
    reason: str | None = None

    @property
    def is_plugin(self) -> bool:
        """Whether the model or one of its parts is a plug-in."""
        return any(part.registry.entry(part.name).origin.is_plugin for part in self.spec.walk())


class MechanismExpansion(Expansion):
    """Reads the mechanisms of one suite file. Raises UserError with the line of a mistake."""

    def __init__(self, file: SuiteFile) -> None:
        super().__init__(file, MODELS)
        self.found: dict[Spec, Mechanism] = {}

    def mechanisms(self) -> list[Mechanism]:
        """Return the mechanisms of the suite in its order."""
        return self.read(self.file.suite.mechanisms, ("mechanisms",))

    def read(self, entries: Sequence[object], where: Where) -> list[Mechanism]:
        """Return the mechanisms of a list in its order, without repetitions."""
        specs: dict[Spec, None] = {}
        for index, entry in enumerate(entries):
            for spec, at in self.specs(entry, (*where, index)):
                specs[spec] = None
                if spec not in self.found:
                    self.found[spec] = self._mechanism(spec, at)
        return [self.found[spec] for spec in specs]

    def _mechanism(self, spec: Spec, where: Where) -> Mechanism:
        mechanism = Mechanism(spec, self.file.suite.train.width)
        reason = unbuildable(spec)
        if reason is not None:
            return replace(mechanism, reason=reason)
        strange = True  # until it is known whether code of a plug-in is involved
        try:
            brought = [cls for part in spec.walk() for cls in part.value.depends_on(part.settings)]
            strange = mechanism.is_plugin or bool(brought)
            return self._sized(mechanism)
        except SpecError as error:
            raise self.file.error((*where, *error.where), f"{spec.name}: {error}") from None
        except match.TooLargeError as error:
            raise self.file.error(where, f"{spec.name} {error}") from None
        except ApartError as error:
            return replace(mechanism, reason=f"no width was found for it: {error}")
        except Exception as error:
            cause = error.__cause__ if isinstance(error, match.NoWidthError) else error
            if isinstance(cause, OverflowError) or "overflow" in str(cause).lower():
                raise self.file.error(where, f"{spec.name} would be too large; choose smaller settings") from None
            if not strange:
                known = isinstance(cause, ValueError | TypeError)
                lead = "" if known else f"it cannot be built with these settings: {type(cause).__name__}: "
                raise self.file.error(where, f"{spec.name}: {lead}{first_line(cause)}") from None
            lead = "it cannot be built" if self.file.suite.match is None else "no width was found for it"
            return replace(mechanism, reason=f"{lead}: {type(cause).__name__}: {first_line(cause)}")

    def _sized(self, mechanism: Mechanism) -> Mechanism:
        """Set the width of the mechanism and count its parameters. Errors of the model are passed on."""
        if self.file.suite.match is not None:
            target = self.file.suite.match.parameters
            if mechanism.is_plugin:
                return tried(lambda: _matched(mechanism, target))
            return _matched(mechanism, target)
        # A plug-in is built only in the process of its trial, where it cannot harm the run.
        if mechanism.is_plugin:
            return mechanism
        return replace(mechanism, parameters=_parameters(mechanism.spec, mechanism.width))


def _parameters(model: Spec, width: int) -> int:
    """Return the number of parameters of a model. A large one is built without memory, which loads more of torch."""
    numbers = [value for part in model.walk() for value in part.settings.values() if isinstance(value, int | float)]
    if width**2 * max([1, *numbers]) > SMALL:
        return match.parameters_of(model, width)
    with match.bounded(), seeds.scoped("plan"):
        return parameter_count(model.build(width))


def unbuildable(model: Spec) -> str | None:
    """Return why a model cannot be built from the chosen parts, None if it can."""
    return incompatibility(model.value, {part.kind: part.value for part in model.parts().values()})


def _matched(mechanism: Mechanism, target: int) -> Mechanism:
    """Set the width at which the mechanism has `target` parameters. It is built on the meta device in this process."""
    found = match.fit_model(mechanism.spec, target)
    settings = {**mechanism.spec.settings, **found.settings}
    sized = replace(
        mechanism,
        width=found.size.width,
        parameters=found.size.parameters,
        spec=replace(mechanism.spec, settings=settings),
    )
    return sized if found.matches(target) else replace(sized, reason=_too_far(mechanism, found, target))


def _too_far(mechanism: Mechanism, found: match.Fit, target: int) -> str:
    """Return why no width matches, with the nearest possible width and advice."""
    size = found.size
    advice = f"match about {size.parameters:,} parameters instead"
    if found.step > 1:
        fewer = "use fewer heads, with which they are closer, or " if "heads" in mechanism.spec.settings else ""
        advice = f"its possible widths are {found.step} apart here; {fewer}{advice}"
    return (
        f"no width has {target:,} parameters to within {match.TOLERANCE:.0%}: the nearest is width {size.width} "
        f"with {size.parameters:,} ({size.parameters / target - 1:+.1%}); {advice}"
    )
