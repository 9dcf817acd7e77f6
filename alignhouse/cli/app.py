"""Entry point of the command line. It loads the commands only when it needs them.

`alignhouse ask` is used again and again, so it starts without typer, which needs longer to load than DuckDB
needs for the answer.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from alignhouse.cli.asking import answer, plainly_asked
from alignhouse.warehouse.errors import AlignhouseError

# The same as that of typer, and as shells report them: 128 + the number of the signal.
INTERRUPTED = 130
TERMINATED = 143


def main() -> None:
    """Run the command line; an expected error is one line on stderr and its exit code."""
    # By default, waiting OpenMP threads spin for milliseconds. Beside another busy process, this makes torch
    # several times slower. torch reads the variable when it starts its threads.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)
    asking = plainly_asked(sys.argv[1:], os.environ)
    settings = {"debug": False}
    try:
        if asking is not None:
            answer(asking)
        else:
            from alignhouse.cli.commands import app, settings

            app()
    except AlignhouseError as error:
        if settings["debug"]:
            raise
        print(f"alignhouse: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if settings["debug"] or error.name is None or error.name.split(".")[0] == "alignhouse":
            raise
        hint = "networks and videos need: pip install 'alignhouse[networks]'"
        print(f"alignhouse: the package {error.name} is not installed ({hint})", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Python flushes the stream once more at its exit, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _end(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C: what is finished is registered, and the run is stored as stopped."""
    sys.exit(TERMINATED)
