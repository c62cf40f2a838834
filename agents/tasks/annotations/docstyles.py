"""How this file, or this workspace, writes docstrings: style, quotes, where the text begins; and writing so.

Python's docstrings only; `doccomments` does the other languages. Knows no model. Start at `style_of` and `rendered`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from agents.tasks.functions import functions_in
from indexing.records import Query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.tasks.functions import Parameter
    from agents.tasks.task import Means, Scene


class Style(StrEnum):
    """How parameters and results are told."""

    PLAIN = "plain"  # a sentence, nothing else
    GOOGLE = "google"
    NUMPY = "numpy"
    SPHINX = "sphinx"


_SIGNS = (
    (Style.NUMPY, re.compile(r"^[ \t]*(?:Parameters|Returns|Raises|Yields)\s*\n[ \t]*-{3,}", re.MULTILINE)),
    (Style.SPHINX, re.compile(r"^[ \t]*:(?:param|type|returns?|rtype|raises)\b[^:\n]*:", re.MULTILINE)),
    (Style.GOOGLE, re.compile(r"^[ \t]*(?:Args|Arguments|Returns|Raises|Yields):[ \t]*$", re.MULTILINE)),
)
_SEARCHED = "Args Returns Raises Parameters param docstring"
_HITS = 10


@dataclass(frozen=True, slots=True)
class DocStyle:
    """How docstrings are written here.

    Attributes:
        style: of their sections.
        quotes: what they stand in.
        below: whether the text begins on the line below the quotes.
        full_stop: whether the first sentence ends with one.
        returns: the word of Sphinx's field for the result.
        others: the first lines of those there are, which are not to be written once more.
    """

    style: Style = Style.PLAIN
    quotes: str = '"""'
    below: bool = False
    full_stop: bool = True
    returns: str = "returns"
    others: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Words:
    """What a docstring says.

    Attributes:
        summary: the first sentence.
        parameters: each with what is said of it, in order.
        returns: what is said of the result, "" for nothing.
        return_type: as declared, "" for none.
        raises: exceptions, each with when.
    """

    summary: str
    parameters: tuple[tuple[Parameter, str], ...] = ()
    returns: str = ""
    return_type: str = ""
    raises: tuple[tuple[str, str], ...] = ()


def style_of(scene: Scene, means: Means) -> DocStyle:
    """By the docstrings of the file; by those of the workspace where the file says nothing of parameters."""
    text = scene.document.text
    known = [each for each in functions_in(scene.syntax) if each.docstring is not None]
    strings = [text[each.docstring.start : each.docstring.end] for each in known if each.docstring is not None]
    style = _most(strings)
    if style is None and not any(each.parameters for each in known):
        hits = means.index.search(Query(_SEARCHED, path=scene.document.path), limit=_HITS)
        style = _most(hit.text for hit in hits if hit.relative.endswith(".py"))
    bodies = [string.lstrip("rRbBuU").strip("\"'") for string in strings]
    firsts = [body.strip().split("\n", 1)[0].strip() for body in bodies]
    return DocStyle(
        style or Style.PLAIN,
        "'''" if sum(string.lstrip("rRbBuU").startswith("'''") for string in strings) * 2 > len(strings) else '"""',
        sum(body.lstrip(" \t").startswith("\n") for body in bodies) * 2 > len(bodies),
        sum(first.endswith(".") for first in firsts) * 2 >= len(firsts),
        "return" if ":return:" in text and ":returns:" not in text else "returns",
        frozenset(firsts),
    )


def rendered(words: Words, style: DocStyle, indentation: str) -> str:
    r"""The docstring with `\n` line ends, quotes included; its first line is not indented, the others are."""
    sections = _SECTIONS[style.style](words, style)
    summary = words.summary if style.full_stop else words.summary.rstrip(".")
    if not sections and not style.below:
        return f"{style.quotes}{summary}{style.quotes}"
    lines = ["", summary] if style.below else [summary]
    for section in sections:
        lines += ["", *section]
    return style.quotes + "\n".join(_indented(lines, indentation)) + f"\n{indentation}{style.quotes}"


def _indented(lines: list[str], indentation: str) -> Iterable[str]:
    for number, line in enumerate(lines):
        yield indentation + line if number and line else line


def _google(words: Words, _: DocStyle) -> list[list[str]]:
    sections = []
    if words.parameters:
        sections.append(["Args:", *(f"    {each.star}{each.name}: {said}" for each, said in words.parameters)])
    if words.returns:
        sections.append(["Returns:", f"    {words.returns}"])
    if words.raises:
        sections.append(["Raises:", *(f"    {name}: {said}" for name, said in words.raises)])
    return sections


def _numpy(words: Words, _: DocStyle) -> list[list[str]]:
    sections = []
    if words.parameters:
        lines = ["Parameters", "----------"]
        for each, said in words.parameters:
            lines += [
                f"{each.star}{each.name} : {each.type}" if each.type else f"{each.star}{each.name}",
                f"    {said}",
            ]
        sections.append(lines)
    if words.returns:
        told = [words.return_type, f"    {words.returns}"] if words.return_type else [words.returns]
        sections.append(["Returns", "-------", *told])
    if words.raises:
        sections.append(["Raises", "------", *(line for name, said in words.raises for line in (name, f"    {said}"))])
    return sections


def _sphinx(words: Words, style: DocStyle) -> list[list[str]]:
    lines = [f":param {each.name}: {said}" for each, said in words.parameters]
    if words.returns:
        lines.append(f":{style.returns}: {words.returns}")
    lines += [f":raises {name}: {said}" for name, said in words.raises]
    return [lines] if lines else []


def _plain(_: Words, __: DocStyle) -> list[list[str]]:
    return []


_SECTIONS = {Style.PLAIN: _plain, Style.GOOGLE: _google, Style.NUMPY: _numpy, Style.SPHINX: _sphinx}


def _most(texts: Iterable[str]) -> Style | None:
    """The style that most of `texts` show, None when none shows any."""
    counts = Counter(next((style for style, sign in _SIGNS if sign.search(text)), None) for text in texts)
    del counts[None]
    return counts.most_common(1)[0][0] if counts else None
