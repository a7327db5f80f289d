"""Runs the command line, and says what went wrong in one sentence."""

from __future__ import annotations

import errno
import os
import sys

import typer

from registry import UserError
from registry.errors import shorten

from .commands import app
from .exit_codes import INTERRUPTED
from .shared import prepare_streams
from .signals import ending_like_an_interrupt, ignore_requests_to_end

FULL = (errno.ENOSPC, errno.EDQUOT)
TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)
LONGEST = 2000  # characters of an error


def main() -> None:
    """Run the command line. An error in the input is one sentence and exit code 1."""
    prepare_streams()
    try:
        with ending_like_an_interrupt():
            app()
    except UserError as error:
        print(f"error: {shorten(' '.join(str(error).split()), LONGEST)}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno in TOO_MANY_FILES:
            typer.echo("error: this machine allows too few open files; raise the limit with ulimit -n 1024", err=True)
            sys.exit(1)
        why = error.strerror or str(error) or type(error).__name__
        if error.filename is None and error.errno is not None:
            typer.echo(f"error: the output cannot be written: {why}", err=True)
            os._exit(1)  # because Python would try to write the rest of the output once more, and say that this failed
        more = "; make space, and give the same command again" if error.errno in FULL else ""
        typer.echo(f"error: {shorten(error.filename or 'a file')} cannot be used: {shorten(why)}{more}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        ignore_requests_to_end()
        sys.exit(INTERRUPTED)
