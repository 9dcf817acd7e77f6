"""The consoles that print data: its text is printed as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def plain_console(**options: Any) -> Console:
    """A rich console that takes no text for markup or for an emoji, such as `[x]` or `a:x:b`."""
    from rich.console import Console

    return Console(markup=False, emoji=False, **options)
