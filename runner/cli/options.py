"""The arguments and options of commands that several of them have, or that take many lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SuitePath = Annotated[Path, typer.Argument(help="A suite file, such as suites/quick.yaml.", show_default=False)]
RunPath = Annotated[Path, typer.Argument(help="The folder of a run, such as runs/quick.", show_default=False)]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", "-p", help="A Python file or module with plug-ins. Can be repeated."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Seeds = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER", help="The number of seeds, instead of that of the suite. Stored ones are not run again."
    ),
]
Name = Annotated[str, typer.Argument(help="A registered name, such as lstm.", show_default=False)]
Out = Annotated[Path, typer.Option(help="The folder for the folders of runs.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1024,
        help="The number of trials at the same time.",
        show_default="one for each core; one on a GPU",
    ),
]
ExampleLength = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1_000_000,
        help="The length of the examples.",
        show_default="that of the preset, or the first valid one from 8",
    ),
]
OptionalSuite = Annotated[
    Path | None, typer.Argument(help="A suite file. Without one, all mechanisms are counted.", show_default=False)
]
Width = Annotated[int | None, typer.Option(min=1, max=100_000, help="The width if no suite is given, by default 64.")]
CostLength = Annotated[
    int, typer.Option(min=2, max=1_000_000, help="The number of source and query positions together.")
]
Kind = Annotated[
    str, typer.Argument(help="alignment, normalizer, position, model, task, probe or view.", show_default=False)
]
NewFolder = Annotated[Path, typer.Option(help="The folder of the new file. plugins/ is always loaded.")]
