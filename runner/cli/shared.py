"""What several commands do. Imports are inside, so that --help is fast."""

from __future__ import annotations

import io
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from registry import UserError
from registry.errors import shorten

if TYPE_CHECKING:
    from rich.console import Console

    from ..suite.file import SuiteFile
    from ..suite.plan import Plan


LEAST_COLUMNS, MOST_COLUMNS = 20, 1000


def prepare_streams() -> None:
    """Open standard streams that are closed, and let the others replace the characters that they cannot show."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next file that is opened, such as the store, would have this number and get the output.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def new_console() -> Console:
    from rich.console import Console

    console = Console()
    # A terminal that says that it has one column, or a million, is not believed.
    width = min(max(console.width, LEAST_COLUMNS), MOST_COLUMNS)
    if width != console.width:
        console.width = width
    return console


def available_device(name: str) -> str:
    """Return the name of a device that this machine has. Raises UserError if it has none of that name."""
    import torch

    from ..training.network import choose_device

    try:
        with warnings.catch_warnings(action="ignore"):  # of names that torch once knew
            device = choose_device(name)
            torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, ImportError):
        device = None
    # A device without values measures nothing.
    if device is None or device.type == "meta":
        sentence = "this machine has no such device; use auto, cpu, cuda or mps"
        raise UserError(f"--device {shorten(name, 60)}: {sentence}")
    return str(device)


def with_seeds(file: SuiteFile, seeds: str | None) -> SuiteFile:
    """Return the suite with another number of seeds, if one is given. Raises UserError if it is not a number from 1."""
    if seeds is not None:
        from ..suite.schema import MOST_SEEDS

        # The suite's own check: what a suite file may not say, the option may not say either.
        try:
            file.suite = type(file.suite).model_validate({**dict(file.suite), "seeds": int(seeds)})
        except ValueError:
            expected = f"a whole number from 1 to {MOST_SEEDS:,} was expected, such as 5"
            raise UserError(f"--seeds {shorten(seeds)}: {expected}") from None
    return file


def load_named_plugins(specs: list[str] | None, strict: str | None = None) -> None:
    """Load all plug-ins and warn of those that fail. Raises UserError if that called `strict` fails."""
    from ..plugins import load_plugins

    _, errors = load_plugins(specs or [])
    for spec, error in errors.items():
        if Path(spec).stem == strict:
            raise UserError(f"{spec} cannot be imported: {error}")
    warn_unavailable(new_console(), errors)


def warn_unavailable(console: Console, errors: dict[str, str]) -> None:
    for name, error in errors.items():
        console.print(f"not available: {name}: {error}", highlight=False, markup=False, soft_wrap=True)


def show_estimate(console: Console, plan: Plan, limit: float, workers: int | None) -> None:
    """Say how long a run of the plan takes at most, each trial up to `limit` seconds, and how much disk it needs."""
    from ..execution.run import default_workers
    from ..suite.estimate import estimate
    from .tables import estimate_lines

    with console.status("Timing training steps …"):
        found = estimate(plan, workers or default_workers(plan.device, plan.threads), limit)
    for line in estimate_lines(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def show_report(console: Console, run: Path, *, again: bool) -> None:
    """Show what a report says, written first if the results have changed or it is wanted `again`."""
    from results.analysis.run import read
    from results.report.contents import contents
    from results.report.html import draw_report, report_is_current
    from results.report.terminal import show

    if again or not report_is_current(run):
        console.print("Writing the report …", highlight=False)
        found = draw_report(run)
    else:
        found = contents(read(run))
    show(found, console)
    console.print(f"\nReport: {run / 'report' / 'report.html'}", highlight=False, markup=False, soft_wrap=True)
