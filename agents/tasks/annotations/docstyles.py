"""Python docstring styles: detects the style of a file or workspace, and renders docstrings in it.

`doccomments` does the same for other languages. Knows no model. Start at `detect_style` and `render`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from agents.tasks.functions import list_functions
from indexing.records import Query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.tasks.functions import Parameter
    from agents.tasks.task import Resources, Scene


class Style(StrEnum):
    """The form of a docstring's sections."""

    PLAIN = "plain"  # a sentence without sections
    GOOGLE = "google"
    NUMPY = "numpy"
    SPHINX = "sphinx"


_STYLE_PATTERNS = (
    (Style.NUMPY, re.compile(r"^[ \t]*(?:Parameters|Returns|Raises|Yields)\s*\n[ \t]*-{3,}", re.MULTILINE)),
    (Style.SPHINX, re.compile(r"^[ \t]*:(?:param|type|returns?|rtype|raises)\b[^:\n]*:", re.MULTILINE)),
    (Style.GOOGLE, re.compile(r"^[ \t]*(?:Args|Arguments|Returns|Raises|Yields):[ \t]*$", re.MULTILINE)),
)
_SEARCH_QUERY = "Args Returns Raises Parameters param docstring"
_HITS = 10


@dataclass(frozen=True, slots=True)
class DocStyle:
    """The docstring style of a file.

    Attributes:
        style: the form of the sections.
        quotes: the quotes around the docstring.
        below: whether the text begins on the line below the quotes.
        full_stop: whether the first sentence ends with a full stop.
        returns: name of Sphinx's field for the result.
        others: first lines of the file's docstrings; a new docstring must not repeat them.
    """

    style: Style = Style.PLAIN
    quotes: str = '"""'
    below: bool = False
    full_stop: bool = True
    returns: str = "returns"
    others: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Words:
    """The content of a docstring.

    Attributes:
        summary: the first sentence.
        parameters: the documented parameters with their descriptions, in order.
        returns: description of the result, "" for none.
        return_type: the declared type of the result, "" for none.
        raises: names of exceptions, each with a description of when it is raised.
    """

    summary: str
    parameters: tuple[tuple[Parameter, str], ...] = ()
    returns: str = ""
    return_type: str = ""
    raises: tuple[tuple[str, str], ...] = ()


def detect_style(scene: Scene, resources: Resources) -> DocStyle:
    """Return the style of the file's docstrings.

    Where these have no sections, and document no function with parameters, other Python files of the workspace decide
    about the sections.
    """
    text = scene.document.text
    known = [each for each in list_functions(scene.syntax) if each.docstring is not None]
    strings = [text[each.docstring.start : each.docstring.end] for each in known if each.docstring is not None]
    style = _find_commonest_style(strings)
    if style is None and not any(each.parameters for each in known):
        hits = resources.index.search(Query(_SEARCH_QUERY, path=scene.document.path), limit=_HITS)
        style = _find_commonest_style(hit.text for hit in hits if hit.relative.endswith(".py"))
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


def render(words: Words, style: DocStyle, indentation: str) -> str:
    r"""Return `words` as a docstring in quotes, with `\n` line ends; all lines but the first are indented."""
    sections = _SECTIONS[style.style](words, style)
    summary = words.summary if style.full_stop else words.summary.rstrip(".")
    if not sections and not style.below:
        return f"{style.quotes}{summary}{style.quotes}"
    lines = ["", summary] if style.below else [summary]
    for section in sections:
        lines += ["", *section]
    return style.quotes + "\n".join(_indent(lines, indentation)) + f"\n{indentation}{style.quotes}"


def _indent(lines: list[str], indentation: str) -> Iterable[str]:
    """Yield the lines, each but the first and the empty ones indented."""
    for number, line in enumerate(lines):
        yield indentation + line if number and line else line


def _build_google_sections(words: Words, _: DocStyle) -> list[list[str]]:
    """Return the lines of each section in Google's style."""
    sections = []
    if words.parameters:
        sections.append(["Args:", *(f"    {each.star}{each.name}: {said}" for each, said in words.parameters)])
    if words.returns:
        sections.append(["Returns:", f"    {words.returns}"])
    if words.raises:
        sections.append(["Raises:", *(f"    {name}: {said}" for name, said in words.raises)])
    return sections


def _build_numpy_sections(words: Words, _: DocStyle) -> list[list[str]]:
    """Return the lines of each section in NumPy's style."""
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


def _build_sphinx_sections(words: Words, style: DocStyle) -> list[list[str]]:
    """Return the fields of Sphinx's style as one section; none without fields."""
    lines = [f":param {each.name}: {said}" for each, said in words.parameters]
    if words.returns:
        lines.append(f":{style.returns}: {words.returns}")
    lines += [f":raises {name}: {said}" for name, said in words.raises]
    return [lines] if lines else []


def _build_no_sections(_: Words, __: DocStyle) -> list[list[str]]:
    """Return [], the sections of the plain style."""
    return []


_SECTIONS = {
    Style.PLAIN: _build_no_sections,
    Style.GOOGLE: _build_google_sections,
    Style.NUMPY: _build_numpy_sections,
    Style.SPHINX: _build_sphinx_sections,
}


def _find_commonest_style(texts: Iterable[str]) -> Style | None:
    """Return the commonest style in `texts`, None where no text shows one."""
    counts = Counter(next((style for style, sign in _STYLE_PATTERNS if sign.search(text)), None) for text in texts)
    del counts[None]
    return counts.most_common(1)[0][0] if counts else None
