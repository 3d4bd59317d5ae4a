"""The command `tensorboard`: the curves in a browser."""

import io
import threading
from argparse import Namespace
from contextlib import redirect_stderr, suppress

from resexp.config.errors import InputError


def run(args: Namespace) -> int:
    """Serve the curves until Ctrl-C; return the exit code."""
    if not args.directory.is_dir():
        raise InputError(f"{args.directory}: no such directory")
    from tensorboard import program  # takes seconds

    server = program.TensorBoard()
    port = [] if args.port is None else ["--port", str(args.port)]
    server.configure(["tensorboard", "--logdir", str(args.directory), "--host", "localhost", *port])
    try:
        with redirect_stderr(io.StringIO()):  # notes on how it loads its data
            address = server.launch()
    except program.TensorBoardServerException as error:
        raise InputError(str(error.msg)) from None
    print(f"TensorBoard is at {address} (Ctrl-C stops it)", flush=True)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    return 0
