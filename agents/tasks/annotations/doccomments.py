"""Comments that document a function, in the form that the language's entry states. Start at `render`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.tasks.annotations.docstyles import Words
    from indexing.syntax.languages import DocComment

_TAGS = re.compile(r"^\s*(?:\*|///|---|//|#)\s*(?:@param|@returns?|\\param)\b", re.MULTILINE)


def uses_tags(text: str, form: DocComment) -> bool:
    """Return whether the text has documentation comments with tags for parameters or results.

    False if `form` has no tags.
    """
    return bool(form.parameter and _TAGS.search(text))


def is_documented(text: str, start: int, form: DocComment) -> bool:
    """Return whether a comment is right above the line of offset `start`."""
    above = text[: text.rfind("\n", 0, start) + 1].rstrip("\r\n \t")
    if text.count("\n", len(above), start) > 1:
        return False
    line = above[above.rfind("\n") + 1 :].strip()
    if form.closing and line.endswith(form.closing.strip()):
        return True
    return line.endswith("*/") or (line.startswith(("//", "#", "--")) and not line.startswith(("#!", "#[", "#include")))


def render(words: Words, form: DocComment, indentation: str) -> str:
    r"""Return `words` as a documentation comment of the language's `form`: indented lines that each end with `\n`.

    Leaves out exceptions, and without tags in `form` also parameters and result.
    """
    inner = [form.around[0], words.summary, form.around[1]]
    lines = [line for line in inner if line]
    if form.parameter and (words.parameters or words.returns):
        lines.append("")
        lines += [form.parameter.format(name=each.name, said=said) for each, said in words.parameters]
        lines += [form.returns.format(said=words.returns)] if words.returns else []
    whole = [form.opening, *((form.line + line).rstrip() for line in lines), form.closing]
    return "".join(f"{indentation}{line}\n" for line in whole if line)
