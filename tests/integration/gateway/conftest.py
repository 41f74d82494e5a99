"""One browser a worker; a scripted API and a reader a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import started
from tests.doubles.chat_api import ChatApi, Served
from tests.integration.gateway.page_driver import Reader, reading, scripted


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture
def api() -> ChatApi:
    return scripted()


@pytest.fixture
def served(api: ChatApi) -> Iterator[Served]:
    with Served(api) as served:
        yield served
        api.released.set()


@pytest.fixture
def reader(browser: Browser, served: Served) -> Iterator[Reader]:
    with reading(browser, served.url) as reader:
        yield reader
