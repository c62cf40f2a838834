"""Values that are known to be secret are found wherever they occur, and ordinary words never become secret."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from indexing.workspace.secrets import known_places, known_values
from indexing.workspace.secrets.known_places import register_secrets
from indexing.workspace.secrets.literals import find_secrets, replace_secrets

if TYPE_CHECKING:
    from pathlib import Path

WEAK = "Regen-Birke-417!"


def encode(text: str) -> str:
    """Return a text in base64."""
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("form", [
    WEAK, encode(WEAK), encode(f"{WEAK}\n"), quote(WEAK, safe=""),
])  # fmt: skip
def test_a_known_value_is_found_in_every_form(form: str) -> None:
    text = f"It was {form} then."
    assert form in replace_secrets(text, "#")
    known_values.register([WEAK])
    assert WEAK not in replace_secrets(text, "#")
    assert form.rstrip("=") not in replace_secrets(text, "#")
    known_values.forget_all()
    assert form in replace_secrets(text, "#")


@pytest.mark.parametrize("word", ["secret", "production", "12345678", "password", "${PASSWORD}", "a-b", "DEVELOPMENT"])
def test_an_ordinary_word_is_not_learned(word: str) -> None:
    known_values.register([word])
    assert list(known_values.find_known(f"the word {word} here")) == []


def test_the_oldest_values_are_forgotten_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_values, "MOST", 2)
    known_values.register([f"Value-{number}-xyz" for number in range(3)])
    known_values.register(["Value-1-xyz", "Value-9-xyz"])
    found = [number for number in (0, 1, 2, 9) if list(known_values.find_known(f"Value-{number}-xyz"))]
    assert found == [1, 9]


def test_values_of_the_environment_and_of_env_files_are_learned_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / ".env").write_text(f"# a comment\nexport SHOP_PASSWORD='{WEAK}'\nSTAGE=production-west-1\n")
    (tmp_path / "deploy" / "prod.env").write_text("API_TOKEN=Moor-Falke-201!\n")
    (tmp_path / "other.txt").write_text("API_TOKEN=Nebel-Anker-333!\n")
    environment = {
        "DB_PASSWORD": "Ufer-Segel-555!",
        "DATABASE_URL": "postgres://a:Distel-Moor-9@h/db",
        "EDITOR": "vim-9000",
    }
    register_secrets([tmp_path, tmp_path / "missing"], environment)
    text = f"{WEAK} production-west-1 Moor-Falke-201! Nebel-Anker-333! Ufer-Segel-555! Distel-Moor-9 vim-9000"
    assert replace_secrets(text, "#") == "# production-west-1 # Nebel-Anker-333! # # vim-9000"


def test_words_of_code_under_the_name_of_a_key_are_not_learned() -> None:
    register_secrets([], {"SORT_KEY": "created_at", "TITLE_KEY": "home.title", "TOKEN_LIMIT": "1234567890"})
    text = "ORDER BY created_at, home.title, 1234567890"
    assert replace_secrets(text, "#") == text


def test_a_path_is_no_secret_whatever_its_variable_is_called() -> None:
    paths = {
        "PWD": "/home/ann/shop-7", "OLDPWD": "C:\\Users\\ann\\shop-7", "SSH_AUTH_SOCK": "/tmp/ssh-Zx81kQm2/agent.7",
        "GOOGLE_APPLICATION_CREDENTIALS": "~/keys/prod-7.json", "BUS_TOKEN_PATH": "unix:path=/run/user/1000/bus",
        "SHOP_TOKEN_FILE": "../keys/token-7.txt",
    }  # fmt: skip
    register_secrets([], paths)
    for path in paths.values():
        assert list(known_values.find_known(f"see {path} there")) == []


def test_what_is_read_is_bounded_and_links_are_not_followed_into_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_places, "MOST_FILES", 1)
    monkeypatch.setattr(known_places, "MOST_BYTES", 40)
    (tmp_path / ".env").write_text(f"A_PASSWORD={WEAK}\n" + "#" * 30 + "\nB_PASSWORD=Moor-Falke-201!\n")
    (tmp_path / ".env.local").write_text("C_PASSWORD=Nebel-Anker-333!\n")
    register_secrets([tmp_path], {})
    assert replace_secrets(f"{WEAK} Moor-Falke-201! Nebel-Anker-333!", "#") == "# Moor-Falke-201! Nebel-Anker-333!"


KEY = "ghp_Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6PsAbCd"


@pytest.mark.parametrize("text", [
    f"password: {KEY}\n", 'DATABASE_PASSWORD = "Regen-Birke-417!"', "postgres://app:Regen-Birke-417!@db.internal/shop",
])  # fmt: skip
def test_a_secret_in_base64_or_in_the_quoting_of_an_address_is_found(text: str) -> None:
    for coded in (encode(text), quote(text, safe="")):
        line = f"x = '{coded}' # end"
        (span,) = find_secrets(line)
        assert line[slice(*span)].rstrip("=") == coded.rstrip("=")


@pytest.mark.parametrize("text", [
    encode("It is an ordinary sentence about the weather."),
    quote("it is an ordinary sentence, with spaces & signs", safe=""),
    "agents/team/workflows/steps/all_steps",
    "test_a_secret_in_base64_or_in_the_quoting",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
])  # fmt: skip
def test_encoded_text_without_a_secret_stays(text: str) -> None:
    assert find_secrets(f"value = '{text}'\n") == []


def test_decoding_takes_linear_time() -> None:
    for text in ("A" * 300_000, "a%20" * 80_000, "%41" * 100_000, "ab+/" * 80_000 + "===", "x%2" * 100_000):
        find_secrets(text)


def test_a_workspace_with_many_values_drives_no_value_of_the_environment_out(tmp_path: Path) -> None:
    lines = [f"API_KEY_{number}=a1b2c3d4e5f{number:04}z" for number in range(1800)]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / ".env").write_text("\n".join(lines).replace("a1b2", "f9e8"), encoding="utf-8")
    known_values.register_one("own-key-7Qx9")
    register_secrets([tmp_path], {"MY_TOKEN": "Zq8vT3nW5x"})
    assert replace_secrets("Zq8vT3nW5x and own-key-7Qx9", "-") == "- and -"
