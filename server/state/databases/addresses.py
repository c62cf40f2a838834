"""The address of a PostgreSQL database, as a person writes it; never holds a password. Start at `parse_address`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

LONGEST = 1000
_SCHEMES = {"postgresql", "postgres"}
_SECRET = re.compile(r"password|passfile|sslpassword", re.IGNORECASE)
FORM = (
    "is no address of a PostgreSQL database; write `postgresql://USER@HOST:PORT/DATABASE`, or "
    "`postgresql:///DATABASE?host=/run/postgresql` for a socket"
)


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a database.

    Attributes:
        url: the address, which holds no password.
        place: the address for a person: host, port and name of the database.
    """

    url: str
    place: str


def parse_address(text: str) -> Address:
    """Return the address in `text`.

    Raises:
        ValueError: `text` is no address, or holds a password; the message does not repeat it.
    """
    if len(text) > LONGEST or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError(FORM)
    try:
        parts = urlsplit(text)
        named, port = unquote(parts.hostname or ""), parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError(FORM) from None
    if parts.scheme not in _SCHEMES or parts.fragment:
        raise ValueError(FORM)
    if parts.password is not None or any(_SECRET.search(name) for name in options):
        raise ValueError(
            "holds a password, which a setting never does; name an environment variable in `state.passwordEnv`, a file "
            "in `state.passwordFile` or an entry of the system's keyring in `state.keyring`"
        )
    host = named or options.get("host") or "this machine"
    return Address(text, f"{host}{f':{port}' if port else ''}/{unquote(parts.path.strip('/')) or parts.username or ''}")
