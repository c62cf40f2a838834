"""Lines of JSON over descriptors: what comes through, and how malformed lines are answered."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from server.acp import stdio
from server.acp.stdio import LineTransport, find_problem, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pipes() -> Iterator[tuple[int, int, int, int]]:
    """Yield the descriptors of two pipes: our reading end, their writing end, their reading end, our writing end."""
    reading, theirs_writing = os.pipe()
    theirs_reading, writing = os.pipe()
    yield reading, theirs_writing, theirs_reading, writing
    for descriptor in (reading, theirs_writing, theirs_reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def split_all(data: bytes) -> list[bytes]:
    """Return the lines of `data`, read from a pipe."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    try:
        return list(split_lines(reading))
    finally:
        os.close(reading)


def test_lines_are_split_and_empty_ones_skipped() -> None:
    assert split_all(b"one\r\n\n  \ntwo\nthree") == [b"one", b"two", b"three"]
    assert split_all(b"") == []


def test_a_line_that_is_too_long_is_cut_and_the_next_one_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "LONGEST_LINE", 10)
    monkeypatch.setattr(stdio, "READ_BYTES", 4)
    assert split_all(b"a" * 35 + b"\nshort\n") == [b"a" * 10, b"short"]


def test_a_descriptor_that_cannot_be_read_is_an_empty_input() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    assert list(split_lines(reading)) == []


@pytest.mark.parametrize(
    "message",
    [
        {"method": "a"},
        {"method": "a", "id": 1},
        {"method": "a", "id": "x"},
        {"id": 1, "result": None},
        {"id": None, "error": {"code": 1}},
    ],
)
def test_messages_have_no_problem(message: object) -> None:
    assert find_problem(message) == ""


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ([1], "object"),
        (None, "object"),
        ({}, "method or an id"),
        ({"method": 1}, "method"),
        ({"method": "a", "id": []}, "id"),
        ({"id": True, "result": 1}, "id"),
        ({"id": 1, "error": "no"}, "error"),
    ],
)
def test_what_is_no_message_is_explained(message: object, problem: str) -> None:
    assert problem in find_problem(message)


async def test_malformed_lines_are_answered_and_the_next_message_comes(pipes: tuple[int, int, int, int]) -> None:
    reading, theirs_writing, theirs_reading, writing = pipes
    transport = LineTransport(reading, writing)
    os.write(theirs_writing, b'{"half": \n[1]\n{"method": "a", "id": 3}\n')
    os.close(theirs_writing)
    assert await transport.receive() == {"method": "a", "id": 3}
    assert await transport.receive() is None
    answers = [json.loads(line) for line in os.read(theirs_reading, 10_000).splitlines()]
    assert [(one["id"], one["error"]["code"]) for one in answers] == [(None, -32700), (None, -32600)]


async def test_any_value_can_be_sent(pipes: tuple[int, int, int, int]) -> None:
    _, _, theirs_reading, writing = pipes
    transport = LineTransport(pipes[0], writing)
    await transport.send({"id": 1, "result": {"error": ValueError("no JSON"), "lone": "\ud800"}})
    sent = os.read(theirs_reading, 10_000)
    assert json.loads(sent)["result"] == {"error": "no JSON", "lone": "\ud800"}
    assert sent.endswith(b"\n")


async def test_a_client_that_reads_no_more_is_a_broken_connection(pipes: tuple[int, int, int, int]) -> None:
    reading, theirs_writing, theirs_reading, writing = pipes
    transport = LineTransport(reading, writing)
    os.close(theirs_reading)
    with pytest.raises(ConnectionError, match="reads no more"):
        await transport.send({"id": 1})
    os.write(theirs_writing, b"[]\n")  # the refusal cannot be sent, which is no error
    os.close(theirs_writing)
    assert await transport.receive() is None


async def test_messages_of_several_senders_are_not_mixed(pipes: tuple[int, int, int, int]) -> None:
    reading, _, theirs_reading, writing = pipes
    transport = LineTransport(reading, writing)
    received: list[Any] = []

    def read() -> None:
        with os.fdopen(os.dup(theirs_reading), encoding="utf-8") as lines:
            received.extend(json.loads(next(lines)) for _ in range(20))

    reader = asyncio.create_task(asyncio.to_thread(read))
    await asyncio.gather(*(transport.send({"id": number, "text": "x" * 100_000}) for number in range(20)))
    await reader
    assert sorted(one["id"] for one in received) == list(range(20))
