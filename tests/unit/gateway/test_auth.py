"""Which names are this machine alone."""

from __future__ import annotations

import pytest

from services.gateway.auth import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.9", "::1", "localhost", "twin.localhost"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example.org", "xlocalhost", "127.1.example.org", "2130706433", "0x7f.1"],
)
def test_nothing_else_is_taken_for_this_machine(host: str) -> None:
    assert not is_loopback(host)
