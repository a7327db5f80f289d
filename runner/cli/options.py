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
