"""The type of the setting `model.host`: a keyword, or the address of a server. Start at `HostPlace`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

if TYPE_CHECKING:
    from pydantic.config import JsonDict


PERSONAL_HOST: JsonDict = {
    "personal": True,
    "allowed": '"auto", "always", "off", an http:// or https:// address, or unix: and the path of a socket',
}


PERSONAL_REPLICAS: JsonDict = {"personal": True, "allowed": "a list of http:// or https:// addresses"}


KEYWORDS = ("auto", "always", "off")


SOCKET = "unix:"


def _check_place(text: str) -> str:
    """Return `text` unchanged if it is a keyword, the URL of a server or the path of a socket; for pydantic.

    Raises:
        ValueError: `text` is none of these.
    """
    if text in KEYWORDS or (text.startswith(SOCKET) and Path(text.removeprefix(SOCKET)).is_absolute()):
        return text
    parts = urlsplit(text)
    usual = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
    if not usual or "@" in parts.netloc or re.search(r"[\s\x00-\x1f]", text) or (parts.port or 1) < 1:
        raise ValueError("not the address of a server")
    return text


HostPlace = Annotated[str, Field(max_length=500), AfterValidator(_check_place)]


def _check_replica(text: str) -> str:
    """Return `text` unchanged if it is the URL of a server; for pydantic.

    Raises:
        ValueError: it is something else.
    """
    if not text.startswith(("http://", "https://")):
        raise ValueError("not the address of a server")
    return _check_place(text)


Replicas = Annotated[
    tuple[Annotated[str, Field(max_length=500), AfterValidator(_check_replica)], ...], Field(max_length=16)
]
