"""Notices a limit of the address space (ulimit -v) in which C libraries would crash while they are loaded.

It imports nothing of `alignhouse.warehouse`, which loads DuckDB.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence

# Measured: `check` loads DuckDB, Arrow and polars; their threads reserve much more than they use.
BASE = 1_500_000_000
PER_CORE = 300_000_000
# These need DuckDB alone.
LIGHT = {"ask", "sql", "shell", "init"}
LEAST_LIGHT = 300_000_000


def too_little_address_space(words: Sequence[str]) -> str | None:
    """What is wrong, in one line, if the command cannot even be loaded within the limit of this process.

    Parameters
    ----------
    words : the command line, without the program.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    command = next((word for word in words if not word.startswith("-")), None)
    least = LEAST_LIGHT if command in LIGHT else BASE + PER_CORE * (os.cpu_count() or 1)
    if limit == resource.RLIM_INFINITY or limit >= least or command is None:
        return None
    return (
        f"too little address space for `alignhouse {command}`: expected at least {least // 10**6:,} MB, "
        f"found {limit // 10**6:,} MB (raise the limit (ulimit -v), or limit the memory with a cgroup)"
    )
