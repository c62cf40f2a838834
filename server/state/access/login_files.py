"""The tokens of a person's logins at servers: in the system's keyring, or in a file for this user alone.

Blocking. Start at `LoginFiles`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

from filelock import FileLock

from models.chat import ChatError
from models.remote import keys
from server.state import paths
from starling_files import FILE_MODE, make_folder, read_text, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 65_536
LOCK_WAIT_S = 60.0


class LoginFiles:
    """The stored login at one server.

    Attributes:
        place: where the tokens are stored, in words: "the system's keyring" or a path.
    """

    def __init__(self, url: str, folder: Path | None = None) -> None:
        """Store the address of the server, and the `folder` of the files, by default one in the state folder."""
        digest = hashlib.sha256(url.encode()).hexdigest()[:24]
        self._name = f"login-{digest}"
        self._file = (folder or paths.state_dir() / "logins") / f"{digest}.json"
        self.place = ""

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from using the login meanwhile, because a refresh token works once. Raises OSError."""
        make_folder(self._file.parent)
        with FileLock(self._file.with_suffix(".lock"), timeout=LOCK_WAIT_S, mode=FILE_MODE):
            yield

    def read(self) -> dict[str, object]:
        """Return what is stored, {} if there is nothing that can be read."""
        text = self._read_keyring()
        if not text:
            try:
                text = read_text(self._file, MOST_BYTES)
            except (OSError, UnicodeDecodeError):
                return {}
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, login: dict[str, object]) -> None:
        """Store `login` in the keyring, or in the file if there is no keyring. Raises OSError."""
        text = json.dumps(login)
        with contextlib.suppress(ChatError):
            keys.store_in_keyring(self._name, text)
            self._file.unlink(missing_ok=True)
            self.place = "the system's keyring"
            return
        with contextlib.suppress(ChatError):
            keys.delete_from_keyring(self._name)  # an older login, where the new one could not be stored
        make_folder(self._file.parent)
        write_file(self._file, text.encode())
        self.place = str(self._file)

    def remove(self) -> None:
        """Delete what is stored; idempotent. Raises OSError."""
        with contextlib.suppress(ChatError):
            keys.delete_from_keyring(self._name)
        self._file.unlink(missing_ok=True)

    def _read_keyring(self) -> str:
        """Return the text in the keyring, "" if there is none or no keyring."""
        try:
            return keys.read_from_keyring(self._name) or ""
        except ChatError:
            return ""
