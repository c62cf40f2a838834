"""The bounded output of a command."""

from __future__ import annotations

from server.gate.commands.bounded_output import BoundedOutput


def make_output(*pieces: bytes, first: int = 4, last: int = 4) -> BoundedOutput:
    """Return an output to which the pieces were added."""
    output = BoundedOutput(first, last)
    for piece in pieces:
        output.add(piece)
    return output


def test_a_short_output_is_kept_whole() -> None:
    assert make_output(b"ab", b"cdef", b"gh").format() == "abcdefgh"


def test_the_middle_of_a_long_output_is_left_out_and_counted() -> None:
    assert make_output(b"abc", b"defgh", b"ijkl").format() == "abcd\n[... 4 bytes left out ...]\nijkl"


def test_without_a_start_only_the_end_is_kept() -> None:
    assert make_output(b"abcdef", b"gh", first=0).format() == "efgh"


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert make_output(b"\xff").format() == "\ufffd"
