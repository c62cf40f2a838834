"""The listener for monitoring: whom it answers, what it refuses, and that nobody can hold it up."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from server.observation import listener
from server.observation.listener import LONGEST_HEAD, Listener, Page, is_own_name

if TYPE_CHECKING:
    from collections.abc import Iterator


def fail() -> Page:
    """Raise an error, as a page with a defect does."""
    raise RuntimeError("a secret in an error")


@pytest.fixture
def port() -> Iterator[int]:
    """Yield the port of a listener with two pages."""
    made = Listener("127.0.0.1", 0, {"/metrics": lambda: Page("one 1\n"), "/broken": fail})
    assert made.start() == ""
    yield made.port
    made.close()


def ask(port: int, request: bytes) -> str:
    """Send a request and return the whole answer, "" if the connection is closed without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while data := connection.recv(65_536):
                answer += data
        except ConnectionResetError:
            pass
    return answer.decode()


def get(port: int, path: str, *, method: str = "GET", host: str = "localhost") -> str:
    """Return the answer to a request for `path`."""
    return ask(port, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


def test_a_page_is_answered_with_its_length(port: int) -> None:
    answer = get(port, "/metrics?x=1")
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Length: 6\r\n" in answer
    assert answer.endswith("\r\n\r\none 1\n")


def test_a_head_request_gets_no_text(port: int) -> None:
    answer = get(port, "/metrics", method="HEAD")
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert answer.endswith("\r\n\r\n")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "10.0.0.1", "", "localhost.evil.example"])
def test_a_foreign_host_name_is_refused(port: int, host: str) -> None:
    assert get(port, "/metrics", host=host).startswith("HTTP/1.1 403 ")


def test_a_request_without_one_host_is_refused(port: int) -> None:
    assert ask(port, b"GET /metrics HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 403 ")
    assert ask(port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: a\r\n\r\n").startswith("HTTP/1.1 403 ")


def test_loopback_has_several_names() -> None:
    assert all(map(is_own_name, ("localhost", "LOCALHOST:1", "127.0.0.1:9464", "[::1]:9464", "127.9.9.9")))


def test_other_methods_and_paths_are_refused(port: int) -> None:
    assert get(port, "/metrics", method="POST").startswith("HTTP/1.1 405 ")
    assert get(port, "/other").startswith("HTTP/1.1 404 ")
    assert get(port, "/../metrics").startswith("HTTP/1.1 404 ")


def test_an_error_of_a_page_is_not_shown_and_later_requests_are_answered(port: int) -> None:
    answer = get(port, "/broken")
    assert answer.startswith("HTTP/1.1 500 ")
    assert "secret" not in answer
    assert get(port, "/metrics").startswith("HTTP/1.1 200 ")


@pytest.mark.parametrize("request_", [b"", b"nonsense", b"\r\n\r\n", b"\xff\x00 \xfe\r\n\r\n", b"GET " + b"a" * 9000])
def test_what_is_no_request_leaves_the_listener_at_work(port: int, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request_)
    assert get(port, "/metrics").startswith("HTTP/1.1 200 ")


def test_a_head_that_is_too_long_ends_the_connection(port: int) -> None:
    assert ask(port, b"GET /metrics HTTP/1.1\r\nX: " + b"a" * (2 * LONGEST_HEAD)) == ""


def test_silent_connections_end_and_hold_up_nobody(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr(listener, "REQUEST_S", 0.2)
    silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(5)]
    try:
        assert get(port, "/metrics").startswith("HTTP/1.1 200 ")
        assert [one.recv(1) for one in silent] == [b""] * 5
    finally:
        for one in silent:
            one.close()


def test_a_port_in_use_is_a_sentence_and_no_error(port: int) -> None:
    second = Listener("127.0.0.1", port, {})
    assert "in use" in second.start()
    second.close()


async def test_it_also_listens_beside_an_event_loop(port: int) -> None:
    assert (await asyncio.to_thread(get, port, "/metrics")).startswith("HTTP/1.1 200 ")
