"""The form of documentation comments in languages without docstrings, one entry a language. Start at `FORMS`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.tasks.annotations.docstyles import Words

_TAGS = re.compile(r"^\s*(?:\*|///|---|//|#)\s*(?:@param|@returns?|\\param)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DocForm:
    """The form of a documentation comment.

    Attributes:
        line: text before each line.
        opening: the first line, "" where each line is a comment by itself.
        closing: the last line, "" for none.
        parameter: a line about a parameter, a format of `name` and `said`; "" where that is not customary.
        returns: a line about the result, a format of `said`.
        begins: beginning of the summary, a format of `name`; "" for any beginning.
        around: the lines before and after the summary ("<summary>").
    """

    line: str
    opening: str = ""
    closing: str = ""
    parameter: str = ""
    returns: str = ""
    begins: str = ""
    around: tuple[str, str] = ("", "")


_STARS = DocForm(" * ", "/**", " */", "@param {name} {said}", "@return {said}")
_SCRIPT = DocForm(" * ", "/**", " */", "@param {name} - {said}", "@returns {said}")
_SLASHES = DocForm("/// ")
FORMS: dict[str, DocForm] = {
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "tsx": _SCRIPT,
    "java": _STARS,
    "kotlin": _STARS,
    "scala": _STARS,
    "c": _STARS,
    "cpp": _STARS,
    "php": DocForm(" * ", "/**", " */", "@param ${name} {said}", "@return {said}"),
    "rust": _SLASHES,
    "swift": _SLASHES,
    "csharp": DocForm("/// ", around=("<summary>", "</summary>")),
    "go": DocForm("// ", begins="{name} "),
    "lua": DocForm("--- "),
    "bash": DocForm("# "),
    "ruby": DocForm("# "),
}


def uses_tags(text: str, form: DocForm) -> bool:
    """Return whether the text has documentation comments with tags for parameters or results."""
    return bool(form.parameter and _TAGS.search(text))


def is_documented(text: str, start: int) -> bool:
    """Return whether a comment is right above the line of offset `start`."""
    above = text[: text.rfind("\n", 0, start) + 1].rstrip("\r\n \t")
    if text.count("\n", len(above), start) > 1:
        return False
    line = above[above.rfind("\n") + 1 :].strip()
    return line.endswith("*/") or (line.startswith(("//", "#", "--")) and not line.startswith(("#!", "#[", "#include")))


def render(words: Words, form: DocForm, indentation: str) -> str:
    r"""Return the comment with `\n` line ends, each line indented, and with a line end after the last."""
    inner = [form.around[0], words.summary, form.around[1]]
    lines = [line for line in inner if line]
    if form.parameter and (words.parameters or words.returns):
        lines.append("")
        lines += [form.parameter.format(name=each.name, said=said) for each, said in words.parameters]
        lines += [form.returns.format(said=words.returns)] if words.returns else []
    whole = [form.opening, *((form.line + line).rstrip() for line in lines), form.closing]
    return "".join(f"{indentation}{line}\n" for line in whole if line)
