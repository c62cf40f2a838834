"""Keys of endpoints: read from the place that a person chose, and removed from messages.

A key is in an environment variable, in a file or in the system's keyring, never in a setting. It is read for each call
and never logged. Start at `KeySource`; `store_in_keyring` and `delete_from_keyring` serve the command line.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.chat import ChatError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONGEST_KEY = 8192  # bytes of a key file
SHORTEST_SECRET = 6  # characters; a shorter key may equal a word of the sentence
HIDDEN = "…"
SERVICE = "starling"  # name of the application in the system's keyring
KEYRING_MISSING = (
    "The system's keyring needs a package that is not installed; install Starling with it, in its repository: "
    "uv tool install '.[keyring]'"
)
# Keys, passwords in URLs and bearer tokens of any owner: endpoints repeat in errors what they were sent.
_SECRET = re.compile(
    r"""(?ix)
    \b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abpr]|hf)[-_][A-Za-z0-9_*.-]{8,}
    | \b(?-i:AKIA|AIza)[A-Za-z0-9_*-]{8,}
    | (?<=bearer\s)\S{4,}
    | (?<=://)[^/\s@]+(?=@)
    """
)

_observers: list[Callable[[str], object]] = []


def observe_keys(observer: Callable[[str], object]) -> None:
    """Have `observer` called with each key that is read or stored from now on; register the same one only once."""
    if observer not in _observers:
        _observers.append(observer)


@dataclass(frozen=True, slots=True)
class KeySource:
    """The place where a person keeps an endpoint's key; at most one of the three.

    Attributes:
        variable: name of an environment variable; "" for none.
        file: a file that holds the key and nothing else; None for none.
        keyring: the key's name in the system's keyring; "" for none.
    """

    variable: str = ""
    file: Path | None = None
    keyring: str = ""

    def read(self) -> str:
        """Return the key from the first place that is named: variable, keyring, file; "" if no place is.

        Raises:
            ChatError: the named place holds no key, or cannot be read.
        """
        if self.variable:
            if not (key := os.environ.get(self.variable, "").strip()):
                raise _make_error(f"The environment variable {self.variable}, which chat.keyEnv names, is not set")
            return _check_key(key, f"The environment variable {self.variable}")
        if self.keyring:
            if not (key := (read_from_keyring(self.keyring) or "").strip()):
                raise ChatError(
                    f"The system's keyring has no key called {self.keyring}; put it there with "
                    f"`starling key {self.keyring}`.",
                    Fault.UNAUTHORIZED,
                )
            return _check_key(key, f"The system's keyring, under {self.keyring},")
        if self.file is None:
            return ""
        try:
            with self.file.open("rb") as opened:
                content = opened.read(LONGEST_KEY + 1)
        except OSError as error:
            raise _make_error(f"The key file {self.file} cannot be read ({error.strerror or error})") from None
        if not content.strip() or len(content) > LONGEST_KEY:
            raise _make_error(f"The key file {self.file} holds no key")
        return _check_key(content.decode("ascii", errors="replace").strip(), f"The file {self.file}")


def read_from_keyring(name: str, service: str = SERVICE) -> str | None:
    """Return the key called `name` of `service` in the system's keyring; None if there is none.

    Raises:
        ChatError: there is no keyring, or it cannot be opened.
    """
    with _open_keyring() as keyring:
        found: str | None = keyring.get_password(service, name)
    return _pass_to_observers(found) if found else found


def store_in_keyring(name: str, key: str) -> None:
    """Store `key` under `name` in the system's keyring.

    Raises:
        ChatError: `key` is not one word of visible ASCII, or there is no usable keyring.
    """
    _check_key(key, "What was typed")
    with _open_keyring() as keyring:
        keyring.set_password(SERVICE, name, key)


def delete_from_keyring(name: str) -> bool:
    """Delete the key called `name` from the system's keyring; return whether there was one.

    Raises:
        ChatError: there is no keyring, or it cannot be opened.
    """
    with _open_keyring() as keyring:
        if keyring.get_password(SERVICE, name) is None:
            return False
        keyring.delete_password(SERVICE, name)
    return True


@contextlib.contextmanager
def _open_keyring() -> Iterator[Any]:
    """Import and yield the keyring library; in the context, its errors become a ChatError without the key."""
    try:
        import keyring  # noqa: PLC0415 (an extra, needed only for such a key)
        from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415
    except ImportError:
        raise ChatError(f"{KEYRING_MISSING}.", Fault.UNAUTHORIZED) from None
    try:
        yield keyring
    except NoKeyringError:
        raise ChatError(
            "This system has no keyring that can be used; name another place in chat.keyEnv or chat.keyFile.",
            Fault.UNAUTHORIZED,
        ) from None
    except (KeyringError, RuntimeError) as error:  # backends raise RuntimeError for a person without a home folder
        raise _make_error(f"The system's keyring does not open ({type(error).__name__})") from None


def remove_secrets(sentence: str, key: str = "") -> str:
    """Return `sentence` with "…" instead of `key` and of anything else that looks like a key or password.

    A `key` shorter than `SHORTEST_SECRET` is not replaced: it may equal a word.
    """
    if len(key) >= SHORTEST_SECRET:
        sentence = sentence.replace(key, HIDDEN)
    return _SECRET.sub(HIDDEN, sentence)


def _check_key(key: str, place: str) -> str:
    """Pass `key` to the observers and return it, if it can be sent in an HTTP header.

    Raises:
        ChatError: it has characters other than visible ASCII; the message names `place`.
    """
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise _make_error(f"{place} holds no key: a key is one word of letters, digits and punctuation in ASCII")
    return _pass_to_observers(key)


def _pass_to_observers(key: str) -> str:
    """Pass `key` to the observers, and return it."""
    for observer in _observers:
        observer(key)
    return key


def _make_error(problem: str) -> ChatError:
    """Return an error whose message is `problem` and the settings that can name a place for the key."""
    return ChatError(
        f"{problem}; put the key there, or name another place in chat.keyEnv, chat.keyFile or chat.keyring.",
        Fault.UNAUTHORIZED,
    )
