"""Hosts that cannot be reached, each for its own reason: what is said, and that a sync keeps what it has."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver

from tests.integration.documents.site import Time, web_source
from tests.servers import free_port
from twin.documents.sync import exit_status, sync
from twin.documents.web import WebFetcher
from twin.drivers.http import HttpPages
from twin.drivers.sqlite import SqliteDocuments
from twin.errors import FetchError


class NoNames(AbstractResolver):
    """DNS that knows no name."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        raise OSError(None, f"DNS lookup of {host} failed: Name or service not known")

    async def close(self) -> None: ...


def http(time, **options):
    return HttpPages("llm-twin/0.1", delay=0, timeout=5, sleep=time.sleep, clock=time.clock, **options)


async def test_a_name_that_nobody_knows_is_a_failure_that_says_so():
    async with http(Time(), resolver=NoNames()) as pages:
        with pytest.raises(FetchError, match="there is no host no-such-host.example"):
            await pages.get("http://no-such-host.example/a", allow_private=False)


async def test_a_port_where_nobody_listens_is_a_failure_that_names_the_page():
    port = free_port()
    async with http(Time()) as pages:
        with pytest.raises(FetchError, match=rf"http://127\.0\.0\.1:{port}/.*cannot be reached"):
            await pages.get(f"http://127.0.0.1:{port}/a", allow_private=True)


async def test_a_source_at_an_unknown_host_fails_with_its_reason_and_is_exit_status_1(tmp_path):
    store = SqliteDocuments(tmp_path / "documents.db")
    await store.open()
    async with http(Time(), resolver=NoNames()) as pages:
        reports = await sync([web_source("http://no-such-host.example/notes/")], {"web": WebFetcher(pages)}, store)
    assert "there is no host no-such-host.example" in reports[0].error
    assert exit_status(reports) == 1
    await store.close()
