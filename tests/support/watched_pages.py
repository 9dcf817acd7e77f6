"""Pages in a headless Chromium whose messages, errors and requests are recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@dataclass
class Watch:
    """What the pages of a test did. open : gives the shared page, or with options a page of its own."""

    open: Callable[..., Page]
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def shared_page(chromium: Browser) -> Iterator[Page]:
    """A window that most tests load pages into again: a new window takes half a second."""
    context = chromium.new_context(**DESKTOP)
    yield context.new_page()
    context.close()


@contextmanager
def watched(chromium: Browser, shared: Page) -> Iterator[Watch]:
    """A block whose pages are watched; messages on the console and errors fail it at its end."""
    contexts: list[Any] = []
    heard: set[Page] = set()

    def open_page(**options: Any) -> Page:
        page = shared
        if options:
            contexts.append(chromium.new_context(**{**DESKTOP, **options}))
            page = contexts[-1].new_page()
        if page not in heard:
            for event, hear in listeners.items():
                page.on(event, hear)  # type: ignore[call-overload]
            heard.add(page)
        return page

    watch = Watch(open_page)
    listeners: dict[str, Callable[[Any], None]] = {
        "console": lambda message: watch.troubles.append(message.text),
        "pageerror": lambda error: watch.troubles.append(str(error)),
        "request": lambda request: watch.requests.append(request.url),
    }
    yield watch
    for context in contexts:
        context.close()
    if shared in heard:
        for event, hear in listeners.items():
            shared.remove_listener(event, hear)
    assert watch.troubles == []
