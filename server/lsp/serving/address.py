"""The address that a server listens on, and its options there. Start at `Address`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Address:
    """The address to listen on, and the options of the server there.

    Attributes:
        host: host name or IP address to listen on.
        port: the port, 0 for any free one.
        anywhere: allow other machines to connect.
        token_file: file that keeps the token from one start to the next; None for a new token in the runtime folder.
        login: host and port of the endpoints for logins, which needs accounts; None for none.
        certificate: the certificate for TLS, with its chain, in PEM; None to serve without TLS.
        key: the private key of the certificate.
        behind_proxy: whether a reverse proxy ends TLS and names the addresses of clients.
    """

    host: str
    port: int
    anywhere: bool = False
    token_file: Path | None = None
    login: tuple[str, int] | None = None
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
