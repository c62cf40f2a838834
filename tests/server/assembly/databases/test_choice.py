"""The choice of the state database: a mistake in its settings never leads to the other one."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from server.assembly.databases import choice
from server.assembly.databases.choice import open_state
from server.assembly.settings import resolve
from server.state import paths
from server.state.databases.sqlite import SqliteState

if TYPE_CHECKING:
    from pathlib import Path

URL = "postgresql://starling@127.0.0.1:1/starling"


def write_settings(text: str) -> None:
    """Write the user's own settings file."""
    paths.settings_file().parent.mkdir(parents=True, exist_ok=True)
    paths.settings_file().write_text(text, encoding="utf-8")


def refuse() -> str:
    """Return the sentence with which the state database refuses to be used."""
    with closing(open_state()) as state:
        assert not isinstance(state, SqliteState)
        sentences = set()
        for use in (state.transaction, state.use_connection, state.read_moment):
            with pytest.raises(StateError) as caught, use():
                pass
            sentences.add(str(caught.value))
        for ask in (state.read_stamp, state.read_mark):
            with pytest.raises(StateError) as caught:
                ask()
            sentences.add(str(caught.value))
        sentences.add(state.describe_damage())
    (sentence,) = sentences
    return sentence


@pytest.mark.parametrize("text", ["", "[completion]\nmax_tokens = 3\n", '[state]\ndatabase = ""\n', "# my state\n"])
def test_without_a_setting_it_is_a_file(text: str) -> None:
    write_settings(text)
    with closing(open_state()) as state:
        assert isinstance(state, SqliteState)
        assert state.path is not None
        assert state.path.parent == paths.state_dir()
        assert state.read_mark() is None, "nothing is created by looking"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'[state]\ndatabse = "{URL}"\n', "did you mean `database`?"),
        ('[state]\ndatabase = "postgresql://ann:hunter2@db/x"\n', "without a password"),
        ('[state]\ndatabase = "mysql://db/x"\n', "postgresql://USER@HOST/DATABASE"),
        ("[state]\ndatabase = 5\n", "postgresql://USER@HOST/DATABASE"),
        (f'[state]\ndatabase = "{URL}"\n[[\n', "is not TOML"),
        (f'[state]\ndatabase = "{URL}"\nkeyring = "a b"\n', "letters, digits"),
        (f'[stat]\ndatabase = "{URL}"\n', "did you mean `state`?"),
    ],
)
def test_a_mistake_leads_to_no_other_database(text: str, said: str) -> None:
    write_settings(text)
    sentence = refuse()
    assert said in sentence
    assert "hunter2" not in sentence
    assert not paths.state_dir().exists()


def test_a_mistake_in_the_environment_leads_to_no_other_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_STATE_DATABASE", URL)
    assert "two underscores" in refuse()


def test_mistakes_in_other_settings_do_not_matter() -> None:
    write_settings('[completion]\nmax_tokens = "state"\n[statistics]\nx = 1\n')
    with closing(open_state()) as state:
        assert isinstance(state, SqliteState)


def test_a_workspace_and_an_editor_choose_no_database(tmp_path: Path) -> None:
    (tmp_path / ".starling.toml").write_text(f'[state]\ndatabase = "{URL}"\n')
    settings, problems = resolve(roots=(tmp_path,), editor={"state": {"database": URL, "keyring": "x"}})
    assert settings.state.database == settings.state.keyring == ""
    assert len(problems) == 3


def test_without_the_extra_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_STATE__DATABASE", URL)
    for name in [one for one in sys.modules if one.startswith("server.state.databases.postgresql")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert refuse() == choice.MISSING
    assert "uv tool install '.[postgres]'" in choice.MISSING


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('password_env = "NO_SUCH_VARIABLE"', "NO_SUCH_VARIABLE, which state.passwordEnv names, is not set"),
        ('password_file = "/nonexistent/key"', "state.passwordFile"),
    ],
)
def test_a_password_that_is_missing_is_named(settings: str, said: str) -> None:
    pytest.importorskip("psycopg", reason="psycopg, the extra `postgres`, is not installed")
    write_settings(f'[state]\ndatabase = "{URL}"\n{settings}\n')
    sentence = refuse()
    assert said in sentence
    assert "chat." not in sentence


def test_the_corrected_place_of_a_password_counts_while_the_process_runs() -> None:
    pytest.importorskip("psycopg", reason="psycopg, the extra `postgres`, is not installed")
    for name in ("FIRST_PLACE", "SECOND_PLACE", "FIRST_PLACE"):
        write_settings(f'[state]\ndatabase = "{URL}"\npassword_env = "{name}"\n')
        assert name in refuse()
