"""An address that is about to be connected to -> a socket, or a refusal.

The check stands where the socket is made, on the very address that it will connect to: a name that resolves to another
address at the second look, a redirect, a literal address and a numeric spelling all end here. Knows no URL.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

REFUSED = "is a private, loopback, link-local or reserved address"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# never, even for a source that may be private: nobody publishes there, and cloud credentials are handed out there
_NEVER = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8",
        "169.254.169.254/32",
        "169.254.170.2/32",
        "168.63.129.16/32",
        "100.100.100.200/32",
        "::/128",
        "fd00:ec2::/32",
    )
)
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SPECIAL = tuple(
    ipaddress.ip_network(net)
    for net in ("192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20", "2001:10::/28", "2001:20::/28")
)


class RefusedAddressError(OSError):
    """The guard said no; the message names no address, so that several refusals read as one."""

    def __init__(self) -> None:
        super().__init__(errno.EPERM, REFUSED)


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether a crawl may connect to the address `text`: public, or private where the source allows it."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(_one_allowed(one, allow_private=allow_private) for one in (address, *_inside(address)))


def _one_allowed(address: Address, *, allow_private: bool) -> bool:
    if address.is_multicast or any(address in net for net in _NEVER if net.version == address.version):
        return False
    if address == ipaddress.IPv4Address("255.255.255.255"):
        return False
    return allow_private or _is_public(address)


def _is_public(address: Address) -> bool:
    if any(address in net for net in _SPECIAL if net.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_reserved
    if address in _NAT64 or address.ipv4_mapped or address.sixtofour:
        return True  # as public as the address inside it; Python's own versions differ on 6to4
    return address in _GLOBAL_6 and address.is_global


def _inside(address: Address) -> tuple[Address, ...]:
    """IPv4 addresses that an IPv6 one leads to: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(one for one in found if one is not None)


def guarded_socket(*, allow_private: bool) -> Callable[[tuple[Any, ...]], socket.socket]:
    """What aiohttp makes sockets with: it is given the address of each attempt. The socket raises RefusedAddressError."""

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, peer = info
        if not is_allowed(str(peer[0]), allow_private=allow_private):
            raise RefusedAddressError
        return socket.socket(family=family, type=kind, proto=protocol)

    return make
