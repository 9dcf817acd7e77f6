"""Entry point of the command line. It loads the commands only when it needs them.

`alignhouse ask` is used again and again, so it starts without typer, which needs longer to load than DuckDB
needs for the answer.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from alignhouse.cli.address_space import too_little_address_space

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
    if (line := too_little_address_space(sys.argv[1:])) is not None:
        _fail(line, 2)
    try:
        _run()
    except ModuleNotFoundError as error:
        if _debug() or error.name is None or error.name.split(".")[0] == "alignhouse":
            raise
        hint = "networks and videos need: pip install 'alignhouse[networks]'; README.md: with pipx or uv"
        _fail(f"the package {error.name} is not installed ({hint})", 2)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Python flushes the stream once more at its exit, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except SystemExit:
        raise
    except BaseException as error:  # Rust's libraries raise errors that are no `Exception`.
        from alignhouse.warehouse.errors import AlignhouseError
        from alignhouse.warehouse.faults import named_fault

        named = error if isinstance(error, AlignhouseError) else named_fault(error)
        if named is None or _debug():
            raise
        _fail(str(named), named.exit_code)


def _run() -> None:
    # Imports can fail as well, for example if there is too little memory.
    from alignhouse.cli.asking import answer, plainly_asked

    asking = plainly_asked(sys.argv[1:], os.environ)
    if asking is not None:
        answer(asking)
    else:
        from alignhouse.cli.commands import app

        app()


def _debug() -> bool:
    """Whether the option --debug was given; the commands may not be loaded."""
    commands = sys.modules.get("alignhouse.cli.commands")
    settings = getattr(commands, "settings", {})
    return bool(settings.get("debug", False))


def _fail(line: str, exit_code: int) -> None:
    print(f"alignhouse: {line}", file=sys.stderr)
    sys.exit(exit_code)


def _end(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C: what is finished is registered, and the run is stored as stopped."""
    sys.exit(TERMINATED)
