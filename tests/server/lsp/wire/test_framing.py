"""Frames from a byte stream that is cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.lsp.wire.framing import Frames, FramingError


def fail_on_oversized(length: int) -> None:
    raise AssertionError(length)


def build_frame(body: bytes, *, extra: bytes = b"") -> bytes:
    return b"Content-Length: %d\r\n%s\r\n%s" % (len(body), extra, body)


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50))
def test_bodies_come_out_whole_however_the_stream_is_cut(bodies: list[bytes], size: int) -> None:
    stream = b"".join(map(build_frame, bodies))
    frames = Frames(fail_on_oversized)
    found = [body for at in range(0, len(stream), size) for body in frames.feed(stream[at : at + size])]
    assert found == bodies


def test_a_content_type_and_any_case_are_accepted() -> None:
    stream = b"content-length:2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}"
    assert list(Frames(fail_on_oversized).feed(stream)) == [b"{}"]


@pytest.mark.parametrize(
    "stream",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\r\nHost: localhost\r\n\r\n{}",
        b"Content-Type: text/plain\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 99999999999\r\n\r\n",
        b"x" * 5000,
    ],
)
def test_bytes_that_are_not_a_frame_end_the_connection(stream: bytes) -> None:
    with pytest.raises(FramingError):
        list(Frames(fail_on_oversized).feed(stream))


@given(st.lists(st.integers(0, 60), max_size=6), st.integers(1, 50))
def test_a_body_that_is_too_long_is_reported_and_skipped_wherever_the_stream_is_cut(
    lengths: list[int], size: int
) -> None:
    stream = b"".join(build_frame(b"x" * length) for length in lengths)
    told: list[int] = []
    frames = Frames(told.append, max_body_bytes=30)
    found = [len(body) for at in range(0, len(stream), size) for body in frames.feed(stream[at : at + size])]
    assert (found, told) == ([n for n in lengths if n <= 30], [n for n in lengths if n > 30])


def test_a_body_that_is_skipped_is_not_held() -> None:
    told: list[int] = []
    frames = Frames(told.append)
    assert list(frames.feed(b"Content-Length: %d\r\n\r\n" % 600_000_000)) == []
    for _ in range(600):
        assert list(frames.feed(b"x" * 1_000_000)) == []
        assert len(frames._buffer) == 0
    assert list(frames.feed(build_frame(b"next"))) == [b"next"]
    assert told == [600_000_000]
