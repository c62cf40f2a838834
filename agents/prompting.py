"""Prompts: data files in `agents/prompts/`, filled in, with text from a workspace fenced as data.

A prompt is a Markdown file with `# System` and `# User` parts, and `{{names}}` to fill in. Filled-in text is not
searched for names again, and a fence's mark never occurs in the text that it encloses, so that no text can pass for a
part of the prompt. Start at `build_messages` and `fence`.
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from models.chat import Message, Speaker

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "prompts"
NOTHING = "(nothing)"
_PART = re.compile(r"^# (System|User)\n", re.MULTILINE)
_NAME = re.compile(r"\{\{(\w+)\}\}")
_SPEAKERS = {"System": Speaker.SYSTEM, "User": Speaker.USER}


def build_messages(name: str, **values: str) -> tuple[Message, ...]:
    """Return the prompt `name` with its `{{names}}` replaced by `values`, one message for each part.

    A paragraph that consists of one name is left out where the value is empty, together with the paragraph before it,
    which is its title.

    Raises:
        KeyError: a name has no value; a programming error.
    """
    return tuple(Message(speaker, _fill(text, values)) for speaker, text in _load_parts(name))


def fence(text: str, title: str = "") -> str:
    """Return `text` between marks that do not occur in it, labelled with `title` (a path); "(nothing)" if blank."""
    if not text.strip():
        return NOTHING
    mark = _choose_mark(text)
    label = " ".join(title.split())[:200].replace("<<<", "").replace(">>>", "")
    return f"<<<WORKSPACE {mark} {label}".rstrip() + f"\n{text}\nWORKSPACE>>> {mark}"


def compute_digest(*names: str) -> str:
    """Return a hash of the named prompts for cache keys, 8 hexadecimal digits: changes when a prompt does."""
    return hashlib.sha256("".join((FOLDER / f"{name}.md").read_text("utf-8") for name in names).encode()).hexdigest()[
        :8
    ]


@functools.cache
def _load_parts(name: str) -> tuple[tuple[Speaker, str], ...]:
    """Return the parts of a prompt file, each with its speaker; cached."""
    _, *parts = _PART.split((FOLDER / f"{name}.md").read_text("utf-8"))
    return tuple((_SPEAKERS[parts[at]], parts[at + 1].strip()) for at in range(0, len(parts), 2))


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its names filled in, without the titled paragraphs whose value is empty."""
    kept: list[str] = []
    for paragraph in text.split("\n\n"):
        alone = _NAME.fullmatch(paragraph.strip())
        if alone is not None and not values[alone[1]]:
            kept = kept[:-1]
        else:
            kept.append(paragraph)
    return _NAME.sub(lambda found: values[found[1]], "\n\n".join(kept))


def _choose_mark(text: str) -> str:
    """Return the shortest hash prefix of `text` that does not occur in it, at least 8 digits.

    The same text always gets the same mark, so that equal questions can be answered from a cache.
    """
    mark = hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
    length = 8
    while mark[:length] in text:
        length += 1
    return mark[:length]
