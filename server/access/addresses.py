"""Addresses that secrets may be sent to, and addresses of clients. Start at `is_safe_address` and `find_address`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

FORWARDED = "x-forwarded-for"


def is_safe_address(address: str) -> bool:
    """Return whether `address` is one of https, or of http on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    try:
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def find_address(writer: asyncio.StreamWriter, headers: Mapping[str, str], *, behind_proxy: bool) -> str:
    """Return the address of the client, "" if it is not known; behind a proxy, the one that the proxy has added."""
    peer = writer.get_extra_info("peername")
    return choose_address(str(peer[0]) if peer else "", headers, behind_proxy=behind_proxy)


def choose_address(peer: str, headers: Mapping[str, str], *, behind_proxy: bool) -> str:
    """Return `peer`, or the last address in `X-Forwarded-For` behind a proxy: a client can only add earlier ones."""
    forwarded = headers.get(FORWARDED, "").rpartition(",")[2].strip() if behind_proxy else ""
    return (forwarded or peer)[:64]
