"""Which addresses a crawl may connect to, over all that an address can hide in."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.drivers.http.guard import is_allowed

PRIVATE = [
    "10.0.0.1", "127.0.0.1", "127.8.8.8", "172.16.0.1", "192.168.0.1", "169.254.1.1", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "240.0.0.1", "192.88.99.1", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1",
    "2001:db8::1", "3fff::1", "100::1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::10.0.0.1",
    "64:ff9b:1::1", "5f00::1", "4000::1",
]  # fmt: skip
NEVER = ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
         "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "2001::1", "0.1.2.3"]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "2606:2800:220:1::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
    "2a00:1450::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused_unless_the_source_allows_it(address):
    assert not is_allowed(address, allow_private=False)
    assert is_allowed(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_services_and_addresses_of_nobody_are_always_refused(address):
    assert not is_allowed(address, allow_private=False)
    assert not is_allowed(address, allow_private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address):
    assert is_allowed(address, allow_private=False)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "1.2.3.4.5", "::g", "0x7f000001"])
def test_what_is_no_address_is_refused(text):
    assert not is_allowed(text, allow_private=True)


@given(st.ip_addresses(v=4))
def test_no_form_of_an_address_is_more_allowed_than_the_address_itself(address):
    plain = is_allowed(str(address), allow_private=False)
    number = int(address)
    forms = [
        f"::ffff:{address}",
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))),
        str(ipaddress.IPv6Address((0x64FF9B << 96) | number)),
    ]
    for form in forms:
        assert is_allowed(form, allow_private=False) <= plain
    assert plain <= address.is_global


@given(st.ip_addresses())
def test_allowing_private_addresses_only_adds(address):
    assert is_allowed(str(address), allow_private=False) <= is_allowed(str(address), allow_private=True)
