"""Refuses a limit of the address space (ulimit -v) in which C libraries would crash while they are loaded."""

from __future__ import annotations

import resource
from collections.abc import Sequence

from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.sizes import size_in_words

# Measured: `check` loads DuckDB, Arrow and polars; their threads reserve much more than they use.
BASE = 1_500_000_000
PER_CORE = 300_000_000
# These need DuckDB alone.
LIGHT = {"ask", "sql", "shell", "init"}
LEAST_LIGHT = 300_000_000


def check_address_space(words: Sequence[str]) -> None:
    """Raise BadInput if the command cannot even be loaded within the limit of this process.

    Parameters
    ----------
    words : the command line, without the program.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    command = next((word for word in words if not word.startswith("-")), None)
    least = LEAST_LIGHT if command in LIGHT else BASE + PER_CORE * cores()
    if limit == resource.RLIM_INFINITY or limit >= least or command is None:
        return
    raise BadInput(
        f"too little address space for `alignhouse {command}`",
        expected=f"at least {size_in_words(least)}",
        found=size_in_words(limit),
        hint="raise the limit (ulimit -v), or limit the memory with a cgroup",
    )
