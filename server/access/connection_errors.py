"""Sentences about servers that cannot be reached: why, and what to do. Start at `describe_connection_error`."""

from __future__ import annotations

import socket
import ssl

MOST_CAUSES = 10


def is_wrong_certificate(error: BaseException) -> bool:
    """Return whether `error` says that the server's certificate is not trusted, or is one for another name."""
    return isinstance(_find_cause(error), ssl.SSLCertVerificationError)


def describe_connection_error(url: str, error: BaseException) -> str:
    """Return a sentence about `error`, with which an attempt to connect to `url` has failed."""
    cause = _find_cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = str(getattr(cause, "verify_message", "") or cause).rstrip(".")
        return f"The certificate of {url} is not trusted ({why}); name the file of its authority with --ca."
    if isinstance(cause, ssl.SSLError):
        return f"{url} speaks no TLS that can be used here ({cause}); check the address."
    if isinstance(cause, socket.gaierror):
        return f"{url} cannot be reached, for its name is unknown here; check the address and the network."
    if isinstance(cause, ConnectionRefusedError):
        return f"{url} cannot be reached, for nothing listens there; start the server, or check the address."
    if isinstance(cause, TimeoutError):
        return f"{url} cannot be reached, for it does not answer; check the network, then try again."
    return f"{url} cannot be reached ({error or type(error).__name__})."


def _find_cause(error: BaseException) -> BaseException:
    """Return the first of `error` and its causes that is an error of the system or of TLS; else `error`."""
    cause: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if cause is None:
            break
        if isinstance(cause, OSError):
            parts = getattr(cause, "exceptions", ())
            return parts[0] if parts else cause
        cause = cause.__cause__ or cause.__context__
    return error
