"""Keys: read from their place, refused where they cannot be one, and taken out of every sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.chat import ChatError, Fault
from models.keys import KeySource, without_secrets

if TYPE_CHECKING:
    from pathlib import Path

KEY = "abc-0123456789"


def test_without_a_place_there_is_no_key() -> None:
    assert KeySource().read() == ""


def test_a_key_is_read_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    for key in (KEY, "another"):
        file.write_text(f"  {key}\n")
        monkeypatch.setenv("SOME_KEY", key)
        assert KeySource(file=file).read() == KeySource("SOME_KEY").read() == key


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"x" * 9000, "schl\xfcssel".encode(), b"a\nHost: evil"])
def test_what_cannot_be_a_key_is_named_by_its_place_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(ChatError) as caught:
        KeySource(file=file).read()
    assert caught.value.fault is Fault.UNAUTHORIZED
    assert str(file) in str(caught.value)
    assert "evil" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChatError, match="No such file"):
        KeySource(file=tmp_path / "nothing").read()


@pytest.mark.parametrize(
    "sentence",
    [
        f"wrong key {KEY}",
        "Incorrect API key provided: sk-proj-abcdefghijklmnop",
        "Authorization: Bearer abcdefgh",
        "https://me:secret@host/",
        "key AIzaSyA1234567890",
    ],
)
def test_secrets_are_taken_out_of_sentences(sentence: str) -> None:
    said = without_secrets(sentence, KEY)
    assert "…" in said
    assert not any(secret in said for secret in (KEY, "abcdefgh", "secret", "1234567890"))


def test_a_sentence_without_a_secret_stays_as_it_is() -> None:
    sentence = "http://localhost:11434/v1 knows no such model (skeleton-7b); look at chat.model."
    assert without_secrets(sentence, KEY) == sentence
