"""The state of this process, which the code of plug-ins may change, and which is set back."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, TypeAlias

import numpy as np
import torch

from registry.harm import LIMITS

from .patches import functions, modules_put_back, no_exit_handlers, unpatched

State: TypeAlias = Callable[[], tuple[object, Callable[[], object]]]
"""Returns a part of the state of this process in a form that can be compared, and a function that sets it back."""

CUDNN = ("enabled", "benchmark", "deterministic")


@contextmanager
def unchanged() -> Iterator[list[str]]:
    """Set back the state of this process after the block, and fill the list with what was changed.

    Inside the block, nothing is written to the standard streams.
    """
    changed: list[str] = []
    before = {name: state() for name, state in STATES.items()}
    patched, put_back = functions(), modules_put_back()
    with _silence(changed), no_exit_handlers(changed):
        try:
            yield changed
        finally:
            # First the functions that all that follows may use.
            changed += [*unpatched(patched), *put_back()]
            for name, (value, set_back) in before.items():
                with contextlib.suppress(OSError, ValueError, RuntimeError):
                    if STATES[name]()[0] != value:
                        set_back()
                        # A module that is imported may add a filter; that is no surprise.
                        changed += [name] if name != "warning filters" else []


@contextmanager
def _silence(changed: list[str]) -> Iterator[None]:
    kept = sys.stdin, sys.stdout, sys.stderr
    files = {file: os.dup(file) for file in (0, 1, 2) if _device(file) is not None}
    sink = _sink()
    for file in files:
        os.dup2(sink.fileno(), file)
    null = _device(sink.fileno())
    sys.stdout = sys.stderr = sink
    try:
        yield
    finally:
        closed = sink.closed or any(_device(file) != null for file in files)
        if closed or sys.stdout is not sink or sys.stderr is not sink:
            changed.append("standard streams")
        for file, copy in files.items():
            os.dup2(copy, file)
            os.close(copy)
        sys.stdin, sys.stdout, sys.stderr = (_opened(stream, file) for file, stream in enumerate(kept))


_SINKS: list[TextIO] = []  # never closed here: a plug-in may keep one, in a logger for example


def _sink() -> TextIO:
    if not _SINKS or _SINKS[-1].closed:
        _SINKS.append(open(os.devnull, "w+", encoding="utf-8", errors="replace"))  # noqa: SIM115
    return _SINKS[-1]


def _device(file: int) -> int | None:
    try:
        return os.fstat(file).st_rdev
    except OSError:
        return None


def _opened(stream: Any, file: int) -> Any:
    """Return a standard stream, or a new one if it was closed; a process may have none."""
    if stream is None or not stream.closed:
        return stream
    return open(file, "w" if file else "r", errors="replace", closefd=False)


def _plain(read: Callable[[], Any], write: Callable[[Any], object]) -> State:
    def taken() -> tuple[object, Callable[[], object]]:
        value = read()
        return value, lambda: write(value)

    return taken


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None


def _set_environment(values: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)


def _mask() -> int:
    mask = os.umask(0o22)
    os.umask(mask)
    return mask


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _set_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


def _limits() -> dict[int, tuple[int, int]]:
    return {limit: resource.getrlimit(limit) for limit in LIMITS}


def _set_limits(limits: dict[int, tuple[int, int]]) -> None:
    for limit, (soft, _) in limits.items():
        resource.setrlimit(limit, (soft, resource.getrlimit(limit)[1]))


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    getattr(warnings, "_filters_mutated", lambda: None)()


def _torch_random() -> tuple[object, Callable[[], object]]:
    state = torch.get_rng_state()
    return state.numpy().tobytes(), lambda: torch.set_rng_state(state)


def _numpy_random() -> tuple[object, Callable[[], object]]:
    state: Any = np.random.get_state()
    return (state[1].tobytes(), *state[2:]), lambda: np.random.set_state(state)


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _cudnn() -> tuple[bool, ...]:
    return tuple(getattr(torch.backends.cudnn, name) for name in CUDNN)


def _set_cudnn(values: tuple[bool, ...]) -> None:
    for name, value in zip(CUDNN, values, strict=True):
        setattr(torch.backends.cudnn, name, value)


STATES: dict[str, State] = {
    "working directory": _plain(_directory, lambda path: os.chdir(path or "/")),
    "environment": _plain(lambda: dict(os.environ), _set_environment),
    "temporary folder": _plain(lambda: tempfile.tempdir, lambda path: setattr(tempfile, "tempdir", path)),
    "file mask": _plain(_mask, os.umask),
    "signal handlers": _plain(_handlers, _set_handlers),
    "alarm": _plain(lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0, lambda _: signal.alarm(0)),
    "limits of the process": _plain(_limits, _set_limits),
    "recursion limit": _plain(sys.getrecursionlimit, sys.setrecursionlimit),
    "warning filters": _plain(lambda: list(warnings.filters), _set_filters),
    "random numbers of Python": _plain(random.getstate, random.setstate),
    "random numbers of numpy": _numpy_random,
    "random numbers of torch": _torch_random,
    "threads of torch": _plain(torch.get_num_threads, torch.set_num_threads),
    "default type of torch": _plain(torch.get_default_dtype, torch.set_default_dtype),
    "default device of torch": _plain(
        lambda: torch.get_default_device().type, lambda kind: torch.set_default_device(None if kind == "cpu" else kind)
    ),
    "gradients of torch": _plain(torch.is_grad_enabled, torch.set_grad_enabled),
    "deterministic mode of torch": _plain(
        _deterministic, lambda both: torch.use_deterministic_algorithms(both[0], warn_only=both[1])
    ),
    "settings of cuDNN": _plain(_cudnn, _set_cudnn),
    "precision of products of torch": _plain(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
}
