"""A message -> every channel that Apprise's addresses name: chat, mail, webhook ...

Addresses hold credentials: none is shown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from twin.errors import NotifyError


async def notify(addresses: Sequence[str], title: str, text: str, *, bad: bool) -> int:
    """Tell all of `addresses`, and give their number. Raises NotifyError naming the kinds of those that were not reached.

    One that fails keeps the message from no other.
    """
    try:
        import apprise
    except ImportError as exc:
        raise NotifyError("notifications need the extra `notify`: pip install 'llm-twin[notify]'") from exc
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log addresses
    kind = apprise.NotifyType.FAILURE if bad else apprise.NotifyType.SUCCESS

    async def one(number: int, address: str) -> str:
        channel = apprise.Apprise()
        if not channel.add(address):
            return f"number {number} is no address that Apprise knows"
        done = await channel.async_notify(body=text, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
        return "" if done else f"number {number} ({address.partition('://')[0]}) did not take it"

    said = await asyncio.gather(*(one(number, address) for number, address in enumerate(addresses, 1)))
    if failed := [one for one in said if one]:
        raise NotifyError(f"of {len(addresses)} addresses in `notify`, {'; '.join(failed)}")
    return len(addresses)
