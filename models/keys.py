"""Keys of endpoints: where one is kept, read when it is needed, and taken out of every sentence before it is said.

A key is in an environment variable or in a file of the person's own, never in a setting. Nothing here logs or keeps
one. Start at `KeySource`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_KEY = 8192  # bytes of a key file
SHORTEST_SECRET = 6  # what is shorter cannot be told from a word of the sentence
HIDDEN = "…"
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
    """

    variable: str = ""
    file: Path | None = None

    def read(self) -> str:
        """The key now, "" when the endpoint needs none.

        Raises:
            ChatError: it is not where it should be.
        """
        if self.variable:
            if not (key := os.environ.get(self.variable, "").strip()):
                raise _missing(f"The environment variable {self.variable}, which chat.keyEnv names, is not set")
            return _checked(key, f"the environment variable {self.variable}")
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
        f"{what}; put the key there, or name another place in chat.keyEnv or chat.keyFile.", Fault.UNAUTHORIZED
    )
