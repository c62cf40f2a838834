"""TLS of the server's sockets: the person's certificate and key, TLS 1.2 or newer. Start at `make_tls_context`."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HANDSHAKE_S = 5.0


class TlsError(Exception):
    """The certificate or its key cannot be used; the message says why and what to do."""


def make_tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the context for a server with the `certificate` (with its chain) and the private `key`, both in PEM.

    Raises:
        TlsError: a file cannot be read, holds something else, or the two do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    for file in (certificate, key):
        try:
            with file.open("rb"):
                pass
        except OSError as error:
            raise TlsError(f"{file} cannot be read ({error.strerror or error}); name another file.") from error
    try:
        context.load_cert_chain(certificate, key, password=_refuse_password)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise TlsError(
            f"{certificate} and {key} cannot be used for TLS ({getattr(error, 'reason', None) or error}); name a "
            "certificate and its private key without a password, both in PEM."
        ) from error
    return context


def _refuse_password() -> str:
    """Raise ValueError, so that a key with a password is refused and OpenSSL does not ask at the terminal."""
    raise ValueError("the key has a password")
