"""Code out of a chat model's reply: the fenced block that holds it, set into the place it is for.

Takes replies as they come: with words around, with fences in fences, without any, with more of the file than was asked
for, at another depth. Knows no model and no document. Start at `code_in` and `own_lines`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.markdown import hide_addresses
from indexing.syntax import languages

_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<mark>`{3,}|~{3,})(?P<tag>[^`\n]*)$", re.MULTILINE)
# Tags of blocks that answers show beside the code, and that name no language.
_NO_LANGUAGE = {"diff", "patch", "output"}
_LONGEST_WORDS = 400  # characters
_MOST_BLOCKS = 50  # each is parsed; what comes behind them is not looked at
_OVERLAP = 2  # lines of the surroundings that a reply has to repeat before they are taken for surroundings


@dataclass(frozen=True, slots=True)
class Extracted:
    """What is in a reply.

    Attributes:
        code: of the longest block, without its fence; None where there is none.
        words: what is said beside it, on one line.
        blocks: of all blocks, in order.
    """

    code: str | None
    words: str
    blocks: tuple[str, ...] = ()


def code_in(reply: str, *, cut_off: bool = False, language: str = "") -> Extracted:
    """The code and the words of a reply.

    Args:
        reply: as it came.
        cut_off: whether its end is missing; then a block that is not closed does not count.
        language: of the document, our name; a block that says it is a shell's, or data of another language, does not
            count. "" counts all.
    """
    reply = _THINKING.sub("", reply.replace("\r\n", "\n"))
    blocks: list[str] = []
    words: list[str] = []
    at = 0
    while len(blocks) < _MOST_BLOCKS and (opened := _FENCE.search(reply, at)):
        words.append(reply[at : opened.start()])
        closed = _closing(reply, opened)
        end = closed.start() if closed is not None else len(reply)
        at = closed.end() if closed is not None else len(reply)
        if (closed is not None or not cut_off) and not _is_aside(opened["tag"], language):
            blocks.append(_unindented(reply[opened.end() + 1 : end], opened["indent"]))
    words.append(reply[at:])
    said = hide_addresses(" ".join(" ".join(words).split()))[:_LONGEST_WORDS].strip()
    stripped = tuple(block.rstrip("\n") for block in blocks)
    return Extracted(max(stripped, key=len) if stripped else None, said, stripped)


def own_lines(code: str, *, before: str = "", after: str = "") -> list[str]:
    """The lines of `code` without those of the surroundings that it repeats, and without blank ones at its ends.

    Args:
        code: as it came, lines ended by a line feed.
        before: the lines above its place; those that the code repeats are dropped.
        after: the lines below it; likewise.
    """
    lines = _without_blank_ends(code.split("\n"))
    lines = lines[_repeated(before.splitlines(), lines) :]
    beyond = _repeated([*reversed(after.splitlines())], [*reversed(lines)])
    return _without_blank_ends(lines[: len(lines) - beyond])


def depth_of(line: str) -> str:
    """The white space that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def _without_blank_ends(lines: list[str]) -> list[str]:
    held = [place for place, line in enumerate(lines) if line.strip()]
    return lines[held[0] : held[-1] + 1] if held else []


def _is_aside(tag: str, language: str) -> bool:
    """Whether a fence's tag names commands, output or data beside the code of a document in `language`.

    That such a block parses proves nothing: JSON is valid Python.
    """
    named = re.split(r"[\s,{:]", tag.strip().lower(), maxsplit=1)[0]
    entry = languages.find_by_fence(named)
    if not language or entry is None:
        return bool(language) and named in _NO_LANGUAGE
    return entry.stands_beside_code and entry.name != language


def _closing(reply: str, opened: re.Match[str]) -> re.Match[str] | None:
    """The fence that closes the one that was opened: of its kind, as long at least, bare, and no inner one's end."""
    depth = 0
    for fence in _FENCE.finditer(reply, opened.end()):
        bare = fence.group().strip() == fence["mark"]
        same = fence["mark"][0] == opened["mark"][0]
        if not same or len(fence["mark"]) < len(opened["mark"]):
            continue
        if not bare:
            depth += 1
        elif depth:
            depth -= 1
        else:
            return fence
    return None


def _unindented(block: str, indent: str) -> str:
    """A block in a list stands as deep as its fence."""
    return "\n".join(line.removeprefix(indent) for line in block.split("\n")) if indent else block


def _repeated(around: list[str], lines: list[str]) -> int:
    """How many of the first `lines` repeat the last lines of `around`."""
    stripped = [line.strip() for line in lines]
    last = [line.strip() for line in around]
    for count in range(min(len(last), len(stripped)), _OVERLAP - 1, -1):
        if last[-count:] == stripped[:count] and sum(map(bool, stripped[:count])) >= _OVERLAP:
            return count
    return 0
