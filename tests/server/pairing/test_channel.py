"""Proofs and messages between an agent's process and a language server."""

from __future__ import annotations

import pytest

from server.pairing.channel import CLIENT, SERVER, decode, encode, is_proof, make_challenge, make_proof


def test_a_proof_holds_for_one_side_one_secret_and_one_pair_of_challenges() -> None:
    expected = make_proof("secret", CLIENT, "a", "b")
    assert is_proof(expected, expected)
    others = [
        make_proof("secret", SERVER, "a", "b"),
        make_proof("other", CLIENT, "a", "b"),
        make_proof("secret", CLIENT, "b", "a"),
        make_proof("secret", CLIENT, "a", "c"),
        "",
        "secret",
        "\ud800",
        None,
        5,
    ]
    assert not any(is_proof(one, expected) for one in others)


def test_no_challenge_comes_twice() -> None:
    assert len({make_challenge() for _ in range(100)}) == 100


def test_a_message_is_one_line_with_any_text() -> None:
    message = {"text": "a\nb\r\n\u2028\ud800\0"}
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize("line", [b"", b"{}", b"[]\n", b"5\n", b"\xff\n", b"{\n", b"[" * 100_000 + b"\n"])
def test_what_is_no_whole_object_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(line)
