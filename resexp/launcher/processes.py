"""How worker processes start and end."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import cache
from multiprocessing.context import BaseContext
from pathlib import Path


def process_context() -> BaseContext:
    """Return the context that starts workers: on Linux forked from a process that has imported torch, else spawned."""
    method = "forkserver" if sys.platform == "linux" else "spawn"
    if multiprocessing.get_start_method(allow_none=True) not in (None, *multiprocessing.get_all_start_methods()):
        multiprocessing.set_start_method(method, force=True)  # joblib's own method is unknown to a new process
    context = multiprocessing.get_context(method)
    if sys.platform == "linux":
        context.set_forkserver_preload(["resexp.launcher.preloaded"])
    return context


@cache
def preload() -> None:
    """Start the process that workers are forked from, which imports torch in the background; this takes seconds."""
    if process_context().get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    is_main = threading.current_thread() is threading.main_thread()  # only it may set signal handlers
    previous_handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if is_main else None
    try:
        forkserver.ensure_running()  # it inherits the handler: Ctrl-C reaches the whole process group
    finally:
        if is_main:
            signal.signal(signal.SIGINT, previous_handler)


@contextlib.contextmanager
def hidden_main() -> Iterator[None]:
    """Hide `__main__` from new processes, which would import, and so run, the program that starts them."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    main.__spec__ = None
    if file is not None:
        del main.__file__
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


def exit_text(exit_code: int | None, log: Path) -> str:
    """Return how a process ended, as the error of its cell; a negative exit code is the number of a signal."""
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}; see {os.path.relpath(log)}"
    return f"its process ended with exit code {exit_code}; see {os.path.relpath(log)}"
