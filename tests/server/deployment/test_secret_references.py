"""Secrets are read from where the person's settings say, at the moment of use; no message has a value."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from server.deployment.secret_references import LONGEST, SecretUnavailable, resolve_secrets

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "hunter2-hunter2"


def find_problem(reference: str) -> str:
    """Return the message of a reference that cannot be resolved."""
    with pytest.raises(SecretUnavailable) as caught:
        resolve_secrets({"TOKEN": reference})
    assert VALUE not in str(caught.value)
    assert caught.value.__context__ is None or VALUE not in str(caught.value.__context__)
    return str(caught.value)


def write(path: Path, text: str = VALUE, mode: int = 0o600) -> str:
    """Write a file of a secret and return its reference."""
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return f"file:{path}"


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROD_TOKEN", VALUE)
    assert resolve_secrets({"TOKEN": "env:PROD_TOKEN"}) == {"TOKEN": VALUE}


def test_a_missing_variable_is_named() -> None:
    assert find_problem("env:PROD_TOKEN") == "The environment variable PROD_TOKEN, the secret TOKEN, is not set."


def test_a_file_is_read_without_its_last_line_break(tmp_path: Path) -> None:
    assert resolve_secrets({"TOKEN": write(tmp_path / "t", f"{VALUE}\n")}) == {"TOKEN": VALUE}


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such modes on Windows")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    assert f"is open to other users (mode {mode:o}); run `chmod 600`" in find_problem(write(tmp_path / "t", mode=mode))


def test_a_missing_file_a_folder_and_an_empty_file_are_named(tmp_path: Path) -> None:
    assert "cannot be read" in find_problem(f"file:{tmp_path / 'missing'}")
    assert find_problem(f"file:{tmp_path}")
    assert "cannot be read" in find_problem("file:~nobody_of_this_name/token")
    assert "is empty" in find_problem(write(tmp_path / "t", "\n"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "is no regular file" in find_problem(f"file:{tmp_path / 'pipe'}")


def test_too_long_too_short_and_binary_values_are_refused(tmp_path: Path) -> None:
    assert "more than" in find_problem(write(tmp_path / "t", VALUE * LONGEST))
    assert "more than" in find_problem(write(tmp_path / "t", "v" * LONGEST + "\nw"))
    assert "fewer than 6 characters" in find_problem(write(tmp_path / "t", "12345"))
    (tmp_path / "t").write_bytes(b"\xff\xfe" * 20)
    assert "no text in UTF-8" in find_problem(f"file:{tmp_path / 't'}")


@pytest.mark.parametrize("reference", ["", VALUE, "env:", "env:A B", "keyring:only", "file:", "cmd:cat x", "env:A\n"])
def test_what_is_no_reference_is_refused_without_being_repeated(reference: str) -> None:
    assert find_problem(reference).startswith("The secret TOKEN has no valid reference")


def test_a_keyring_is_asked_for_service_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {("shop", "db"): VALUE}
    double = SimpleNamespace(get_password=lambda service, name: entries.get((service, name)))
    monkeypatch.setitem(sys.modules, "keyring", double)
    errors = SimpleNamespace(KeyringError=KeyError, NoKeyringError=LookupError)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    assert resolve_secrets({"TOKEN": "keyring:shop/db"}) == {"TOKEN": VALUE}
    assert find_problem("keyring:shop/other") == "The system's keyring has no entry other of shop, the secret TOKEN."


def test_a_keyring_that_cannot_be_read_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(service: str, name: str) -> str:
        raise KeyError(VALUE + service + name)

    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=fail))
    monkeypatch.setitem(
        sys.modules, "keyring.errors", SimpleNamespace(KeyringError=KeyError, NoKeyringError=ValueError)
    )
    assert "cannot be read; unlock it" in find_problem("keyring:shop/db")
