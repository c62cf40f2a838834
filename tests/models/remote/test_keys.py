"""Keys: read from their place, refused where they cannot be one, and taken out of every sentence."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked

from models.chat import ChatError, Fault
from models.remote import keys
from models.remote.keys import KeySource, remove_secrets
from server.cli import run

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    said = remove_secrets(sentence, KEY)
    assert "…" in said
    assert not any(secret in said for secret in (KEY, "abcdefgh", "secret", "1234567890"))


def test_a_sentence_without_a_secret_stays_as_it_is() -> None:
    sentence = "http://localhost:11434/v1 knows no such model (skeleton-7b); look at chat.model."
    assert remove_secrets(sentence, KEY) == sentence


class Memory(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self, *, opens: bool = True) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.opens = opens

    def get_password(self, service: str, username: str) -> str | None:
        if not self.opens:
            raise KeyringLocked(f"the password of {username} is {KEY}")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[Memory]:
    before, memory = keyring.get_keyring(), Memory()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


def test_a_key_in_the_systems_keyring_is_kept_read_and_forgotten(ring: Memory) -> None:
    keys.store_in_keyring("openai", KEY)
    assert ring.kept == {("starling", "openai"): KEY}
    assert KeySource(keyring="openai").read() == KEY
    assert keys.delete_from_keyring("openai")
    assert not keys.delete_from_keyring("openai")
    with pytest.raises(ChatError, match="no key called openai; put it there with `starling key openai`"):
        KeySource(keyring="openai").read()


def test_what_is_no_key_is_not_kept(ring: Memory) -> None:
    with pytest.raises(ChatError):
        keys.store_in_keyring("openai", "two words")
    assert ring.kept == {}


def test_a_keyring_that_does_not_open_says_so_without_a_key(ring: Memory) -> None:
    ring.opens = False
    with pytest.raises(ChatError) as caught:
        KeySource(keyring="openai").read()
    assert "does not open (KeyringLocked)" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_system_without_a_keyring_says_so() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(ChatError, match="no keyring that can be used"):
            KeySource(keyring="openai").read()
    finally:
        keyring.set_keyring(before)


def test_without_the_package_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ChatError, match=r"\.\[keyring\]"):
        KeySource(keyring="openai").read()


def test_a_key_is_put_there_from_the_command_line(
    ring: Memory, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    assert run(["key", "work"]) == 0
    assert ring.kept == {("starling", "work"): KEY}
    assert run(["key", "work", "--remove"]) == 0
    assert run(["key", "work", "--remove"]) == 1
    assert run(["key", "no name"]) == 2
    said = capfd.readouterr()
    assert KEY not in said.out + said.err
    assert "no key called work" in said.err
