"""Keys of endpoints: where one is kept, read when it is needed, and taken out of every sentence before it is said.

A key is in an environment variable, in a file of the person's own or in the system's keyring, never in a setting.
Nothing here logs one. Start at `KeySource`; `keep` and `forget` are for the keyring.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.chat import ChatError, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_KEY = 8192  # bytes of a key file
SHORTEST_SECRET = 6  # what is shorter cannot be told from a word of the sentence
HIDDEN = "…"
SERVICE = "starling"  # whose keys they are, in the system's keyring
KEYRING_MISSING = (
    "The system's keyring needs a package that is not installed; install Starling with it, in its repository: "
    "uv tool install '.[keyring]'"
)
# What looks like a key, a password in a URL or a bearer's token, whoever's it is: endpoints repeat what they were sent.
_SECRET = re.compile(
    r"""(?ix)
    \b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abpr]|hf)[-_][A-Za-z0-9_*.-]{8,}
    | \b(?-i:AKIA|AIza)[A-Za-z0-9_*-]{8,}
    | (?<=bearer\s)\S{4,}
    | (?<=://)[^/\s@]+(?=@)
    """
)


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where an endpoint's key is.

    Attributes:
        variable: name of an environment variable; "" for none.
        file: a file that holds the key and nothing else; None for none.
        keyring: the key's name in the system's keyring; "" for none.
    """

    variable: str = ""
    file: Path | None = None
    keyring: str = ""

    def read(self) -> str:
        """The key now, "" when the endpoint needs none.

        Raises:
            ChatError: it is not where it should be.
        """
        if self.variable:
            if not (key := os.environ.get(self.variable, "").strip()):
                raise _missing(f"The environment variable {self.variable}, which chat.keyEnv names, is not set")
            return _checked(key, f"the environment variable {self.variable}")
        if self.keyring:
            if not (key := (recalled(self.keyring) or "").strip()):
                raise ChatError(
                    f"The system's keyring has no key called {self.keyring}; put it there with "
                    f"`starling key {self.keyring}`.",
                    Fault.UNAUTHORIZED,
                )
            return _checked(key, f"the system's keyring under {self.keyring}")
        if self.file is None:
            return ""
        try:
            with self.file.open("rb") as opened:
                content = opened.read(LONGEST_KEY + 1)
        except OSError as error:
            raise _missing(f"The key file {self.file} cannot be read ({error.strerror or error})") from None
        if not content.strip() or len(content) > LONGEST_KEY:
            raise _missing(f"The key file {self.file} holds no key")
        return _checked(content.decode("ascii", errors="replace").strip(), f"the file {self.file}")


def recalled(name: str) -> str | None:
    """The key of that name in the system's keyring, None for none.

    Raises:
        ChatError: there is no keyring, or it does not open.
    """
    with _opened() as keyring:
        found: str | None = keyring.get_password(SERVICE, name)
    return found


def keep(name: str, key: str) -> None:
    """Put a key into the system's keyring.

    Raises:
        ChatError: it is none, or the keyring does not take it.
    """
    _checked(key, "the answer")
    with _opened() as keyring:
        keyring.set_password(SERVICE, name, key)


def forget(name: str) -> bool:
    """Take a key out of the system's keyring; false when there was none.

    Raises:
        ChatError: there is no keyring, or it does not open.
    """
    with _opened() as keyring:
        if keyring.get_password(SERVICE, name) is None:
            return False
        keyring.delete_password(SERVICE, name)
    return True


@contextlib.contextmanager
def _opened() -> Iterator[Any]:
    """The library of the system's keyring; whatever it raises is one sentence, without the key."""
    try:
        import keyring  # noqa: PLC0415 (an extra, for who named a key there)
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
    except (KeyringError, RuntimeError) as error:  # the latter where a person has no home, which backends look for
        raise _missing(f"The system's keyring does not open ({type(error).__name__})") from None


def without_secrets(sentence: str, key: str = "") -> str:
    """`sentence` without `key`, and without anything else that looks like a secret."""
    if len(key) >= SHORTEST_SECRET:
        sentence = sentence.replace(key, HIDDEN)
    return _SECRET.sub(HIDDEN, sentence)


def _checked(key: str, place: str) -> str:
    """A key fits into one HTTP header.

    Raises:
        ChatError: it does not.
    """
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise _missing(f"What is in {place} is no key: a key is one word of plain letters and marks")
    return key


def _missing(what: str) -> ChatError:
    return ChatError(
        f"{what}; put the key there, or name another place in chat.keyEnv, chat.keyFile or chat.keyring.",
        Fault.UNAUTHORIZED,
    )
