"""Prompts: data files in `agents/prompts/`, filled in, with what comes from a workspace fenced off as data.

A prompt is a Markdown file with a `# System` and a `# User` part and `{{names}}` to fill in. What is filled in is not
read again, and a fence's mark never occurs in what it encloses, so a text cannot pass for a part of the prompt. Start
at `messages` and `fenced`.
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


def messages(name: str, **values: str) -> tuple[Message, ...]:
    """The prompt `name` with its `{{names}}` filled in, each part a message.

    A paragraph that is nothing but a name whose value is empty is left out, and its title, the paragraph above, too.

    Raises:
        KeyError: a name has no value; a slip of ours.
    """
    return tuple(Message(speaker, _filled(text, values)) for speaker, text in _parts(name))


def fenced(text: str, title: str = "") -> str:
    """`text` between marks that do not occur in it; with a title, such as its path."""
    if not text.strip():
        return NOTHING
    mark = _mark(text)
    label = " ".join(title.split())[:200].replace("<<<", "").replace(">>>", "")
    return f"<<<WORKSPACE {mark} {label}".rstrip() + f"\n{text}\nWORKSPACE>>> {mark}"


def digest(*names: str) -> str:
    """What changes when one of these prompts does."""
    return hashlib.sha256("".join((FOLDER / f"{name}.md").read_text("utf-8") for name in names).encode()).hexdigest()[
        :8
    ]


@functools.cache
def _parts(name: str) -> tuple[tuple[Speaker, str], ...]:
    _, *parts = _PART.split((FOLDER / f"{name}.md").read_text("utf-8"))
    return tuple((_SPEAKERS[parts[at]], parts[at + 1].strip()) for at in range(0, len(parts), 2))


def _filled(text: str, values: Mapping[str, str]) -> str:
    kept: list[str] = []
    for paragraph in text.split("\n\n"):
        alone = _NAME.fullmatch(paragraph.strip())
        if alone is not None and not values[alone[1]]:
            kept = kept[:-1]
        else:
            kept.append(paragraph)
    return _NAME.sub(lambda found: values[found[1]], "\n\n".join(kept))


def _mark(text: str) -> str:
    """The same for the same text, so that the same question can be answered from memory."""
    mark = hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
    length = 8
    while mark[:length] in text:
        length += 1
    return mark[:length]
