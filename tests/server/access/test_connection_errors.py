"""Sentences about servers that cannot be reached."""

from __future__ import annotations

import socket
import ssl

import httpx2
import pytest

from server.access.connection_errors import describe_connection_error, is_wrong_certificate

URL = "https://server.example.test:8766"


def wrap(cause: BaseException) -> Exception:
    """Return an error of an HTTP client with this cause."""
    error = httpx2.ConnectError("all connection attempts failed")
    error.__cause__ = RuntimeError("between")
    error.__cause__.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "is not trusted"),
        (ssl.SSLError(1, "wrong version number"), "speaks no TLS"),
        (socket.gaierror(-2, "Name or service not known"), "its name is unknown here"),
        (ConnectionRefusedError(111, "refused"), "nothing listens there"),
        (TimeoutError(), "does not answer"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
        (ValueError("odd"), "odd"),
    ],
)
def test_each_kind_of_failure_is_one_sentence(cause: Exception, said: str) -> None:
    for error in (cause, wrap(cause)):
        sentence = describe_connection_error(URL, error)
        assert URL in sentence
        assert sentence.endswith(".")
        assert is_wrong_certificate(error) is isinstance(cause, ssl.SSLCertVerificationError)
    assert said in describe_connection_error(URL, cause)


def test_errors_that_cause_each_other() -> None:
    error, other = ValueError("a"), ValueError("b")
    error.__cause__, other.__cause__ = other, error
    assert "cannot be reached (a)" in describe_connection_error(URL, error)
