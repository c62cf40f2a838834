"""Documents a function in the style of its file: a docstring in Python, the language's own comment elsewhere.

What is documented (parameters, result, exceptions) is read off the code; the model finds the words, one piece at a
time, so that whatever it says the form is right. Start at `propose`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor
from agents.edits import Edit, ProposedEdit
from agents.tasks import edit_ranking, filling
from agents.tasks.annotations import doccomments, docstyles
from agents.tasks.annotations.docstyles import DocStyle, Style, Words
from agents.tasks.filling import Hole
from agents.tasks.functions import Function, function_at
from agents.tasks.proposals import change, not_here, not_written, notes_of
from agents.tasks.task import Kind, Needs, Offer, Task

if TYPE_CHECKING:
    from agents.tasks.functions import Parameter
    from agents.tasks.task import Means, Result, Scene
    from indexing.syntax.documents import Document

_LEAST_WORDS = 2
_LONGEST = 200
_COPIED = 0.9  # as like another docstring as this is that docstring once more
_RELEVANCE = 0.5  # what naming a word of the function's own is worth, in mean log-probability
_CODE = re.compile(r"[={}<>\\]|\"\"\"|'''|\*/|->|::|\w\(|^[^\w`]|TODO|FIXME")
_LOOP = re.compile(r"\b(\w+ \w+)\b.*\b\1\b.*\b\1\b|\b(\w+ \w+ \w+)\b.*\b\2\b")  # words that come again and again
_UNFINISHED = re.compile(r"\b(?:a|an|and|as|by|for|from|if|in|is|of|on|or|that|the|to|with)\.?$", re.IGNORECASE)
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_RETURNS = re.compile(r"^[ \t]*(?:return|yield)[ \t]+[^\s;#]", re.MULTILINE)
_RAISES = re.compile(r"^[ \t]*raise[ \t]+([A-Za-z_][\w.]*)", re.MULTILINE)


def offer(scene: Scene) -> Offer | None:
    """Where a function is not documented."""
    function = function_at(scene.syntax, scene.span.start)
    if function is None or _place(scene.document, function) is None:
        return None
    what = "a docstring" if scene.document.entry.docstrings else "a documentation comment"
    return Offer(f"Write {what} for `{function.name}`", function.span)


def propose(scene: Scene, means: Means) -> Result:
    """The docstring that the model finds likeliest."""
    function = function_at(scene.syntax, scene.span.start)
    place = _place(scene.document, function) if function is not None else None
    if function is None or place is None:
        return not_here("There is no function without documentation here")
    writer = _Writer(scene, means, function, place)
    words = writer.words()
    if words is None:
        return not_written(f"The model found no words for `{function.name}`")
    best = edit_ranking.ranked([edit_ranking.Candidate((writer.edit(words),))], scene, means)
    if not best:
        return not_written("What the model wrote does not parse")
    silent = writer.silent
    return ProposedEdit(
        title=f"Document `{function.name}`",
        why=f"It had no documentation; this is written in the {writer.style_name} style.",
        by="generator",
        changes=(change(scene.document, best[0].candidate.edits),),
        model=means.model.entry.name if means.model is not None else "",
        notes=(*notes_of(best[0]), *([f"The model found no words for: {', '.join(silent)}."] if silent else ())),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where documentation goes: before `at`, on lines of its own indented by `indentation`."""

    at: int
    indentation: str
    newline: str
    breaks_first: bool = False  # the line above has no end yet


def _place(document: Document, function: Function | None) -> _Place | None:
    """None where the function is documented, or cannot be."""
    if function is None:
        return None
    text = document.text
    around = Cursor.at(document, function.span.start)
    if document.entry.docstrings:
        return _python_place(text, function, around)
    form = document.entry.doc_comment
    if form is None or doccomments.is_documented(text, function.span.start, form):
        return None
    line = text.rfind("\n", 0, function.span.start) + 1
    head = text[line : function.span.start]
    return _Place(line, head, around.newline) if not head.strip() else None


def _python_place(text: str, function: Function, around: Cursor) -> _Place | None:
    if function.docstring is not None:
        return None
    if not function.statements:
        end = len(text[: function.body.start].rstrip())
        outer = text[text.rfind("\n", 0, function.start) + 1 : function.start]
        if outer.strip() or not text.endswith(":", 0, end):
            return None
        return _Place(end, outer + around.unit, around.newline, breaks_first=True)
    line = text.rfind("\n", 0, function.statements[0].start) + 1
    head = text[line : function.statements[0].start]
    return _Place(line, head, around.newline) if not head.strip() and line > function.start else None


class _Writer:
    """Finds the words for one function.

    Attributes:
        silent: parameters of which there was nothing to say.
    """

    def __init__(self, scene: Scene, means: Means, function: Function, place: _Place) -> None:
        self.silent: list[str] = []
        self._scene = scene
        self._means = means
        self._function = function
        self._place = place
        self._form = scene.document.entry.doc_comment
        self._style = docstyles.style_of(scene, means) if self._form is None else DocStyle()
        self._body = scene.document.text[function.body.start : function.body.end]

    @property
    def style_name(self) -> str:
        """Of what is written, for a person."""
        return str(self._style.style) if self._form is None else self._scene.document.language

    def words(self) -> Words | None:
        """What to say; None when the model has nothing to say of the function itself."""
        self._means.report(f"finding words for {self._function.name}")
        summary = self._summary()
        if not summary:
            return None
        words = Words(summary, return_type=self._function.returns)
        if not self._has_sections():
            return words
        for parameter in self._function.parameters:
            said = self._said_of(words, parameter)
            words = replace(words, parameters=(*words.parameters, (parameter, said)))
        if _RETURNS.search(self._body):
            words = replace(words, returns=self._said(words, replace(words, returns="\0"), "\0"))
        for name in dict.fromkeys(_RAISES.findall(self._body)):
            asked = replace(words, raises=(*words.raises, (name, "\0")))
            if said := self._said(words, asked, "\0"):
                words = replace(words, raises=(*words.raises, (name, said)))
        self.silent = [each.name for each, said in words.parameters if not said]
        return replace(words, parameters=tuple((each, said) for each, said in words.parameters if said))

    def edit(self, words: Words) -> Edit:
        """The documentation in its place."""
        place = self._place
        written = self._rendered(words).replace("\n", place.newline)
        if place.breaks_first:
            return Edit(place.at, place.at, place.newline + place.indentation + written.rstrip())
        return Edit(place.at, place.at, written)

    def _has_sections(self) -> bool:
        if self._form is None:
            return self._style.style is not Style.PLAIN
        return doccomments.uses_tags(self._scene.document.text, self._form)

    def _rendered(self, words: Words) -> str:
        place = self._place
        if self._form is not None:
            return doccomments.rendered(words, self._form, place.indentation)
        text = docstyles.rendered(words, self._style, place.indentation)
        return text if place.breaks_first else f"{place.indentation}{text}\n"

    def _summary(self) -> str:
        begins = self._form.begins.format(name=self._function.name) if self._form is not None else ""
        found: list[filling.Filling] = []
        for document, shift in ((self._scene.document, 0), self._alone()):
            head = self._cut(self._rendered(Words("\0")), "\0") + begins
            found += self._asked(document, self._place.at - shift, head)
        sayings = [
            (self._sentence(begins + one.text), one.likelihood + _RELEVANCE * self._relevance(one.text))
            for one in found
        ]
        fit = [(said, sure) for said, sure in sayings if said and not self._is_copied(said)]
        return max(fit, key=lambda one: one[1])[0] if fit else ""

    def _said_of(self, words: Words, parameter: Parameter) -> str:
        asked = replace(words, parameters=(*words.parameters, (parameter, "\0")))
        return self._said(words, asked, "\0", taken=frozenset(said for _, said in words.parameters))

    def _said(self, _: Words, asked: Words, mark: str, taken: frozenset[str] = frozenset()) -> str:
        """The likeliest words for the place of `mark` in `asked`."""
        head = self._cut(self._rendered(asked), mark)
        for one in self._asked(self._scene.document, self._place.at, head):
            said = self._phrase(one.text)
            if said and said not in taken:
                return said
        return ""

    def _cut(self, text: str, mark: str) -> str:
        head = text[: text.index(mark)]
        return (self._place.newline + self._place.indentation if self._place.breaks_first else "") + head

    def _asked(self, document: Document, at: int, head: str) -> list[filling.Filling]:
        after = "" if self._place.breaks_first else "\n"
        return filling.words(Hole(document, at, at, head, after), self._means, until=('"""', "'''", "*/"))

    def _alone(self) -> tuple[Document, int]:
        """The function by itself: with others in view a small model says of it what was said of them."""
        start = self._scene.document.text.rfind("\n", 0, self._function.span.start) + 1
        text = self._scene.document.text[start : max(self._function.span.end, self._place.at)]
        return replace(self._scene.document, text=text), start

    def _sentence(self, text: str) -> str:
        said = self._phrase(text)
        if len(said.split()) < _LEAST_WORDS:
            return ""
        return said if said.endswith((".", "!", "?")) else said + "."

    def _phrase(self, text: str) -> str:
        said = " ".join(text.split()).strip("\"'- ")
        if not said or len(said) > _LONGEST or _CODE.search(said) or not any(map(str.isalpha, said)):
            return ""
        if _LOOP.search(said) or _UNFINISHED.search(said):
            return ""
        named = said.split(maxsplit=1)[0] == self._function.name
        return said if named else said[0].upper() + said[1:]

    def _is_copied(self, said: str) -> bool:
        return any(
            SequenceMatcher(None, said.lower(), other.lower(), autojunk=False).ratio() >= _COPIED
            for other in self._style.others
        )

    def _relevance(self, said: str) -> float:
        """Share of the name's words that are named."""
        parts = {part.lower() for part in _PARTS.findall(self._function.name)}
        return sum(part in said.lower() for part in parts) / len(parts) if parts else 0.0


TASK = Task("docstring", Kind.REWRITE, Needs.COMPLETION, offer, propose)
