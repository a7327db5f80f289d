"""The command line. Each command imports what it needs itself, so that --help is fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry import UserError

from .exit_codes import INTERRUPTED, SOME_FAILED
from .options import (
    CostLength,
    Device,
    ExampleLength,
    Kind,
    Name,
    NewFolder,
    OptionalSuite,
    Out,
    Plugins,
    RunPath,
    Seeds,
    SuitePath,
    Width,
    Workers,
)
from .shared import (
    available_device,
    load_named_plugins,
    new_console,
    show_estimate,
    show_report,
    warn_unavailable,
    with_seeds,
)

app = typer.Typer(
    name="runner",
    help="Compare attention mechanisms on synthetic long-sequence tasks.\n\n"
    "Start with: python -m runner run suites/quick.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.command("run")
def run_suite(
    suite: SuitePath,
    plugin: Plugins = None,
    device: Device = "auto",
    seeds: Seeds = None,
    out: Out = Path("runs"),
    workers: Workers = None,
    retry: Annotated[bool, typer.Option("--retry", help="Run the failed trials again.")] = False,
    report: Annotated[bool, typer.Option(help="Write the report after the run.")] = True,
) -> None:
    """Run the missing trials of a suite, then write its report.

    Finished trials run again only if the code or the settings that they depend on have changed.
    After Ctrl-C, running trials write a checkpoint; the same command continues the run.

    Exit codes: 0 all trials finished, 1 wrong input, 2 some trials failed, 130 interrupted.
    """
    from ..execution.manifest import timings_of
    from ..execution.run import run
    from ..suite.file import SuiteFile
    from ..suite.plan import make_plan
    from .progress import follow

    console = new_console()
    file = with_seeds(SuiteFile(suite), seeds)
    folder = out / file.suite.name
    plan = make_plan(file, plugin or [], available_device(device), timings=timings_of(folder))
    warn_unavailable(console, plan.unavailable)
    closed = follow(console, plan, folder, run(file, plan, folder, workers=workers, retry=retry))
    if closed.interrupted:
        console.print(f"Interrupted with {closed.left} trials left. The same command continues the run.")
        raise typer.Exit(INTERRUPTED)
    if report:
        show_report(console, folder, again=False)
    raise typer.Exit(SOME_FAILED if closed.failed else 0)


@app.command()
def plan(
    suite: SuitePath,
    plugin: Plugins = None,
    device: Device = "auto",
    seeds: Seeds = None,
    out: Out = Path("runs"),
    workers: Workers = None,
) -> None:
    """Show the trials of a suite, what it skips and why, and about how long a run takes, without running them.

    A training step of each mechanism on each task is timed, for about 15 seconds in all.
    """
    from ..execution.manifest import timings_of
    from ..suite.file import SuiteFile
    from ..suite.plan import make_plan
    from .tables import plan_table

    console = new_console()
    file = with_seeds(SuiteFile(suite), seeds)
    planned = make_plan(file, plugin or [], available_device(device), timings=timings_of(out / file.suite.name))
    warn_unavailable(console, planned.unavailable)
    plan_table(console, planned)
    show_estimate(console, planned, file.suite.limits.seconds, workers)


@app.command()
def status(run: RunPath) -> None:
    """Show the progress of a run, and the trials that failed."""
    from .tables import status_table

    status_table(new_console(), run)


@app.command()
def report(run: RunPath, plugin: Plugins = None) -> None:
    """Make the tables, the figures and the report of a run again from its stored results."""
    from ..plugins import load_plugins_of

    load_named_plugins(plugin)
    warn_unavailable(new_console(), load_plugins_of(run))
    show_report(new_console(), run, again=True)


@app.command("ls")
def list_all(plugin: Plugins = None) -> None:
    """List all mechanisms, tasks, probes and views, with formula or description, and source."""
    from .tables import list_registries

    load_named_plugins(plugin)
    list_registries(new_console())


@app.command()
def info(name: Name, plugin: Plugins = None) -> None:
    """Describe a mechanism, task, probe or view: formula, source, settings, cost, combinations."""
    from .tables import show_entry

    load_named_plugins(plugin)
    show_entry(new_console(), name)


@app.command()
def show(
    task: Annotated[str, typer.Argument(help="A task, such as recall.", show_default=False)],
    length: ExampleLength = None,
    seed: Annotated[int, typer.Option(help="The seed of the examples.")] = 0,
    count: Annotated[int, typer.Option("--examples", min=1, max=1000, help="The number of examples.")] = 1,
    preset: Annotated[str | None, typer.Option(help="The name of published settings.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, such as pairs=4. Can be repeated.")
    ] = None,
    language: Annotated[str, typer.Option(help="en or zh, for tasks that show their examples as text.")] = "en",
    plugin: Plugins = None,
) -> None:
    """Print examples of a task: source, queries, answers, and gold alignment links."""
    from ..catalogue.examples import examples, read_settings

    load_named_plugins(plugin)
    console = new_console()
    given = read_settings(task, preset, settings or [])
    for text in examples(task, given, length, seed, count, language, console.width):
        console.print(text, "", sep="\n", highlight=False, markup=False, soft_wrap=True)


@app.command()
def costs(
    suite: OptionalSuite = None,
    width: Width = None,
    length: CostLength = 256,
    plugin: Plugins = None,
) -> None:
    """Count the operations of a forward pass and the bytes of the decoding state of each mechanism.

    Multiplications and additions in matrix products and convolutions are counted by torch, and
    independently by the formula of the model, without embedding and readout. Nothing is trained.
    """
    from ..catalogue.costs import of_mechanisms, registered
    from ..suite.file import SuiteFile
    from ..suite.mechanisms import MechanismExpansion
    from .tables import cost_table

    console = new_console()
    if suite is None:
        load_named_plugins(plugin)
        rows = registered(width or 64, length)
    elif width is not None:
        raise UserError(
            "--width and a suite cannot be given together, because a suite has its own width; leave one out"
        )
    else:
        file = SuiteFile(suite)
        load_named_plugins([*file.plugin_specs(), *(plugin or [])])
        rows = of_mechanisms(MechanismExpansion(file).mechanisms(), length)
    with console.status("Counting …"):
        found = list(rows)
    cost_table(console, found, length)


@app.command()
def docs() -> None:
    """Update the generated parts of the documents in docs/."""
    from results.store.files import write_text

    from ..catalogue import architecture
    from ..catalogue.docs import PATH, TASKS_PATH, page, tasks_page
    from ..plugins import IN_CHECKOUT

    if not IN_CHECKOUT:
        raise UserError("the documents are in a checkout of the project, and this installed copy has none")
    written = {
        PATH: page(),
        TASKS_PATH: tasks_page(TASKS_PATH.read_text(encoding="utf-8")),
        architecture.PATH: architecture.architecture_page(architecture.PATH.read_text(encoding="utf-8")),
    }
    for path, text in written.items():
        write_text(path, text)
        new_console().print(f"Wrote {path}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def check(name: Name, plugin: Plugins = None) -> None:
    """Check that a plug-in fulfils the contract of its kind. Exit code 2 if it does not."""
    from ..catalogue.check import check_name

    load_named_plugins(plugin, strict=name)
    raise typer.Exit(0 if check_name(new_console(), name) else 2)


@app.command()
def new(
    kind: Kind,
    name: Annotated[str, typer.Argument(help="A Python name, such as my_score.", show_default=False)],
    folder: NewFolder = Path("plugins"),
) -> None:
    """Start a plug-in from the template of its kind."""
    from ..catalogue.scaffold import create

    path = create(kind, name, folder)
    console = new_console()
    console.print(f"Made {path}. Edit it, then:", highlight=False, markup=False)
    console.print(f"  make check NAME={name}\n  make benchmark", highlight=False)


@app.command()
def env(device: Device = "auto") -> None:
    """Show the machine and the versions that results depend on."""
    from ..execution.manifest import commit, describe

    for key, value in {**describe(available_device(device)), "commit": commit() or "–"}.items():
        typer.echo(f"{key:10} {value}")
