"""One browser a worker; a gateway over a scripted twin, and a reader before its page, a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import started
from tests.integration.gateway.page_driver import Reader, reading
from tests.integration.gateway.scripted_gateway import ScriptedTwin, Served, Stream, passage

TOMBSTONES = Stream(
    ["A **tombstone** marks a document ", "that is gone [1]. The index ", "drops it at the next build [2]."],
    [
        passage(1, "A gone document\nbecomes a tombstone.\n\n  It leaves the index."),
        passage(2, "The build reads tombstones too."),
    ],
)


@pytest.fixture(scope="module")  # a running Playwright keeps an event loop, which asynchronous tests cannot share
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture
def tombstones() -> Stream:
    """The answer to the usual question."""
    return TOMBSTONES


@pytest.fixture
def twin() -> ScriptedTwin:
    return ScriptedTwin({"What is a tombstone?": TOMBSTONES})


@pytest.fixture
def served(twin: ScriptedTwin, tmp_path: Path) -> Iterator[Served]:
    with Served(twin, tmp_path) as served:
        yield served
        twin.released.set()


@pytest.fixture
def reader(browser: Browser, served: Served) -> Iterator[Reader]:
    with reading(browser, served.url) as reader:
        yield reader
