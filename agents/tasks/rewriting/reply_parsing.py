"""Parsing of a chat model's reply: the fenced code in it, and the words around it.

Copes with nested fences, unclosed fences, words around the code, repeated lines of the file, and other indentation.
Knows no model and no document. Start at `extract_code` and `drop_repeated_lines`.
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
_MOST_BLOCKS = 50  # each is parsed; later ones are ignored
_OVERLAP = 2  # fewer repeated lines may be part of the new code


@dataclass(frozen=True, slots=True)
class ReplyContent:
    """The content of a reply.

    Attributes:
        code: the longest block, without its fence; None where there is no block.
        words: the text outside of blocks, on one line of at most 400 characters, with web addresses hidden.
        blocks: all blocks in order.
    """

    code: str | None
    words: str
    blocks: tuple[str, ...] = ()


def extract_code(reply: str, *, cut_off: bool = False, language: str = "") -> ReplyContent:
    """Return the code blocks of a reply, and the words around them.

    Args:
        reply: the reply as it came.
        cut_off: whether its end is missing; an unclosed block does not count then.
        language: language of the document, by Starling's name; blocks tagged as shell commands or as data of another
            language do not count. "" counts all blocks.
    """
    reply = _THINKING.sub("", reply.replace("\r\n", "\n"))
    blocks: list[str] = []
    words: list[str] = []
    at = 0
    while len(blocks) < _MOST_BLOCKS and (opened := _FENCE.search(reply, at)):
        words.append(reply[at : opened.start()])
        closed = _find_closing_fence(reply, opened)
        end = closed.start() if closed is not None else len(reply)
        at = closed.end() if closed is not None else len(reply)
        if (closed is not None or not cut_off) and not _is_other_language(opened["tag"], language):
            blocks.append(_unindent(reply[opened.end() + 1 : end], opened["indent"]))
    words.append(reply[at:])
    said = hide_addresses(" ".join(" ".join(words).split()))[:_LONGEST_WORDS].strip()
    stripped = tuple(block.rstrip("\n") for block in blocks)
    return ReplyContent(max(stripped, key=len) if stripped else None, said, stripped)


def drop_repeated_lines(code: str, *, before: str = "", after: str = "") -> list[str]:
    """Return the lines of `code` without blank ones at its ends, and without two or more lines copied from around it.

    Args:
        code: the code, with line feeds.
        before: the lines above its place; a repetition at the start of the code is dropped.
        after: the lines below its place; a repetition at the end of the code is dropped.
    """
    lines = _strip_blank_ends(code.split("\n"))
    lines = lines[_count_repeated(before.splitlines(), lines) :]
    beyond = _count_repeated([*reversed(after.splitlines())], [*reversed(lines)])
    return _strip_blank_ends(lines[: len(lines) - beyond])


def read_indentation(line: str) -> str:
    """Return the white space that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def _strip_blank_ends(lines: list[str]) -> list[str]:
    """Return the lines without blank ones at the start and the end."""
    held = [place for place, line in enumerate(lines) if line.strip()]
    return lines[held[0] : held[-1] + 1] if held else []


def _is_other_language(tag: str, language: str) -> bool:
    """Return whether a fence's `tag` names output, a patch, or commands, data or prose other than `language`.

    False if `language` is "".
    """
    named = re.split(r"[\s,{:]", tag.strip().lower(), maxsplit=1)[0]
    entry = languages.find_by_fence(named)
    if not language or entry is None:
        return bool(language) and named in _NO_LANGUAGE
    return entry.accompanies_code and entry.name != language


def _find_closing_fence(reply: str, opened: re.Match[str]) -> re.Match[str] | None:
    """Return the fence that closes `opened` (same character, at least as long, no tag), past nested ones; else None."""
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


def _unindent(block: str, indent: str) -> str:
    """Return a code block without `indent`, the indentation of its fence, which may be in a list."""
    return "\n".join(line.removeprefix(indent) for line in block.split("\n")) if indent else block


def _count_repeated(around: list[str], lines: list[str]) -> int:
    """Return the number of `lines`, from the first, that repeat the end of `around`; 0 if fewer than two have text."""
    stripped = [line.strip() for line in lines]
    last = [line.strip() for line in around]
    for count in range(min(len(last), len(stripped)), _OVERLAP - 1, -1):
        if last[-count:] == stripped[:count] and sum(map(bool, stripped[:count])) >= _OVERLAP:
            return count
    return 0
