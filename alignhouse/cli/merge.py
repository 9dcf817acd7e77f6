"""The command `merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignhouse.cli.terminal import command, progress


def merge(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The warehouse that is added to.")],
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE...", help="The warehouses to add; they stay as they are.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be added, and name conflicts; add nothing.")
    ] = False,
) -> None:
    """Add to a warehouse all that others hold. What contradicts it is named, and then nothing is added.

    A conflict: both show other rows for the same thing, such as one study with two seeds. Each artifact is
    compared with its hash. Repeat the command after a kill: it does the rest.

    Example: `alignhouse merge bmd.alignhouse /from/lab-b/bmd.alignhouse --dry-run`
    """
    from alignhouse.warehouse.errors import BadInput
    from alignhouse.warehouse.exports import printable
    from alignhouse.warehouse.merging import CONFLICT_HINT, merge_warehouses, to_merge
    from alignhouse.warehouse.rebuild import some_of
    from alignhouse.warehouse.sizes import size_in_words

    with progress() as shown:
        if dry_run:
            merged = to_merge(target, sources, command())
        else:
            merged = merge_warehouses(target, sources, command(), shown)
    for kind, (count, size) in merged.kinds.items():
        typer.echo(f"{kind}: {count} artifacts, {size_in_words(size)}")
    for line in merged.notes:
        typer.echo(printable(f"Note: {line}"))
    for line in some_of(merged.conflicts):
        typer.echo(printable(f"Conflict: {line}"))
    if merged.conflicts:
        raise BadInput(
            f"a merge into {target} would be refused",
            found=f"{len(merged.conflicts)} conflicts",
            hint=CONFLICT_HINT,
        )
    added = f"{merged.artifacts} artifacts, {size_in_words(merged.bytes)}"
    typer.echo(f"{'Would add' if dry_run else 'Added'} {added}, to {target}.")
