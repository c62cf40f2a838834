"""The choice of the state database: a person's SQLite file, or the PostgreSQL database in their settings.

A mistake in these settings never leads to the other database: then nothing is read or written, and a sentence says
why. Start at `open_state`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.assembly.setting_sources import ENVIRONMENT_PREFIX, MAX_FILE_BYTES
from server.state import paths
from server.state.database import FILE, Area, State
from server.state.databases.sqlite import SqliteState

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from server.assembly.databases.state_settings import StateSettings
    from server.assembly.settings import SettingProblem
    from server.state.statements import Connection

MISSING = (
    "PostgreSQL as the state database needs a package that is not installed; install Starling with it, in its "
    "repository: uv tool install '.[postgres]'"
)
_SECTION = "state"
_PRODUCT = b"postgres"  # in every address of such a database
_NAMES = {"chat.keyEnv": "state.passwordEnv", "chat.keyFile": "state.passwordFile", "chat.keyring": "state.keyring"}


def open_state(tell: Callable[[str], None] = lambda _: None) -> State:
    """Return the user's state database, which is opened at its first use.

    `tell` is called with a sentence for a person if a SQLite database was lost. There is no fallback in memory, because
    records must survive a restart. If the settings of the database are wrong, each use of it raises StateError.
    """
    file = paths.state_dir() / FILE
    if not _may_be_configured():
        return SqliteState(file, tell)
    from server.assembly.settings import resolve  # noqa: PLC0415 (for a person who may have such a setting)

    settings, problems = resolve()
    if wrong := [str(one) for one in problems if _concerns_database(one)]:
        return UnusableState(f"The state database is not used, because its settings are wrong. {' '.join(wrong)}")
    if not settings.state.database:
        return SqliteState(file, tell)
    return _open_postgresql(settings.state)


def _open_postgresql(settings: StateSettings) -> State:
    """Return the PostgreSQL database of the settings; one that cannot be used, if the extra is not installed."""
    try:
        from server.state.databases.postgresql import PostgresState  # noqa: PLC0415 (an extra)
    except ImportError:
        return UnusableState(MISSING)
    from server.state.databases.addresses import parse_address  # noqa: PLC0415

    return PostgresState(parse_address(settings.database), lambda: _read_password(settings))


def _read_password(settings: StateSettings) -> str:
    """Return the password of the database from the place that the settings name, "" if they name none.

    Raises:
        StateError: the named place holds none, or cannot be read.
    """
    from models.chat import ChatError  # noqa: PLC0415 (as below)
    from models.remote.keys import KeySource  # noqa: PLC0415 (for a person with a password alone)

    file = paths.expand_home(settings.password_file) if settings.password_file else None
    try:
        return KeySource(settings.password_env, file, settings.keyring).read()
    except ChatError as error:
        message = str(error)
        for theirs, ours in _NAMES.items():
            message = message.replace(theirs, ours)
        raise StateError(message) from None


def _may_be_configured() -> bool:
    """Return whether the environment or the user's own file may have a setting of the state database.

    Spares those without one from reading all settings. True for a file that cannot be read.
    """
    if any(name.upper().startswith(f"{ENVIRONMENT_PREFIX}{_SECTION}".upper()) for name in os.environ):
        return True
    try:
        with paths.settings_file().open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return any(word in content.lower() for word in (_SECTION.encode(), _PRODUCT))


def _concerns_database(problem: SettingProblem) -> bool:
    """Return whether a setting of the database may be missing because of `problem`.

    It may if the setting has such a name or a similar one, or if the user's file cannot be read and names PostgreSQL.
    """
    if problem.key:
        name = problem.key.lower().removeprefix(ENVIRONMENT_PREFIX.lower())
        return name.startswith(_SECTION) or f"`{_SECTION}`" in problem.message
    try:
        with paths.settings_file().open("rb") as opened:
            return _PRODUCT in opened.read(MAX_FILE_BYTES).lower()
    except OSError:
        return False


class UnusableState(State):
    """A database that cannot be used: each use raises StateError with the same sentence."""

    def __init__(self, why: str) -> None:
        """Store the sentence for a person."""
        self._why = why

    def transaction(self, *_areas: Area) -> AbstractContextManager[Connection]:
        """Raise StateError."""
        raise StateError(self._why)

    def use_connection(self) -> AbstractContextManager[Connection]:
        """Raise StateError."""
        raise StateError(self._why)

    def read_moment(self) -> AbstractContextManager[Connection]:
        """Raise StateError."""
        raise StateError(self._why)

    def read_stamp(self) -> tuple[object, ...]:
        """Raise StateError."""
        raise StateError(self._why)

    def read_mark(self) -> object:
        """Raise StateError."""
        raise StateError(self._why)

    def describe_damage(self) -> str:
        """Return why it cannot be used."""
        return self._why

    def close(self) -> None:
        """Do nothing."""
