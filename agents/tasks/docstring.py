"""The task "docstring": documents a function in the style of its file, by docstring or documentation comment.

Parameters, result and exceptions come from the code, and the model writes one phrase at a time for each of them, so
that the form is right whatever the model writes. Start at `propose`.
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
from agents.tasks.functions import Function, find_function_at
from agents.tasks.proposals import build_change, decline_answer, decline_place, list_notes
from agents.tasks.task import Kind, Needs, Offer, Task

if TYPE_CHECKING:
    from agents.tasks.functions import Parameter
    from agents.tasks.task import Resources, Result, Scene
    from indexing.syntax.documents import Document

_LEAST_WORDS = 2
_LONGEST = 200
_COPY_RATIO = 0.9  # similarity from which a summary counts as a copy of another docstring
_RELEVANCE_BONUS = 0.5  # bonus of a summary that names all words of the function's name, in mean log-probability
_CODE = re.compile(r"[={}<>\\]|\"\"\"|'''|\*/|->|::|\w\(|^[^\w`]|TODO|FIXME")
_REPETITION = re.compile(r"\b(\w+ \w+)\b.*\b\1\b.*\b\1\b|\b(\w+ \w+ \w+)\b.*\b\2\b")  # a phrase again and again
_UNFINISHED = re.compile(r"\b(?:a|an|and|as|by|for|from|if|in|is|of|on|or|that|the|to|with)\.?$", re.IGNORECASE)
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_RETURNS = re.compile(r"^[ \t]*(?:return|yield)[ \t]+[^\s;#]", re.MULTILINE)
_RAISES = re.compile(r"^[ \t]*raise[ \t]+([A-Za-z_][\w.]*)", re.MULTILINE)


def offer(scene: Scene) -> Offer | None:
    """Return the offer for the function at the cursor; None if there is none, or none that can still be documented."""
    function = find_function_at(scene.syntax, scene.span.start)
    if function is None or _find_place(scene.document, function) is None:
        return None
    what = "a docstring" if scene.document.entry.docstrings else "a documentation comment"
    return Offer(f"Write {what} for `{function.name}`", function.span)


def propose(scene: Scene, resources: Resources) -> Result:
    """Return a proposal that documents the function at the cursor with the model's likeliest words, or `Nothing`.

    `Nothing` if there is no function without documentation, or the model finds no words that parse.

    Raises:
        Cancelled: the request was cancelled.
    """
    function = find_function_at(scene.syntax, scene.span.start)
    place = _find_place(scene.document, function) if function is not None else None
    if function is None or place is None:
        return decline_place("There is no function without documentation here")
    writer = _Writer(scene, resources, function, place)
    words = writer.find_words()
    if words is None:
        return decline_answer(f"The model found no words for `{function.name}`")
    best = edit_ranking.rank([edit_ranking.Candidate((writer.build_edit(words),))], scene, resources)
    if not best:
        return decline_answer("What the model wrote does not parse")
    silent = writer.silent
    return ProposedEdit(
        title=f"Document `{function.name}`",
        why=f"It had no documentation; this is written in the {writer.style_name} style.",
        by="generator",
        changes=(build_change(scene.document, best[0].candidate.edits),),
        model=resources.model.entry.name if resources.model is not None else "",
        notes=(*list_notes(best[0]), *([f"The model found no words for: {', '.join(silent)}."] if silent else ())),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of the documentation: at offset `at`, as separate lines indented by `indentation`."""

    at: int
    indentation: str
    newline: str
    breaks_first: bool = False  # whether the line above needs a line end first


def _find_place(document: Document, function: Function | None) -> _Place | None:
    """Return the place for the documentation of `function`; None if it is None, documented already or cannot be."""
    if function is None:
        return None
    text = document.text
    around = Cursor.at(document, function.span.start)
    if document.entry.docstrings:
        return _find_python_place(text, function, around)
    form = document.entry.doc_comment
    if form is None or doccomments.is_documented(text, function.span.start, form):
        return None
    line = text.rfind("\n", 0, function.span.start) + 1
    head = text[line : function.span.start]
    return _Place(line, head, around.newline) if not head.strip() else None


def _find_python_place(text: str, function: Function, around: Cursor) -> _Place | None:
    """Return the place for a Python docstring; None if there is one, or if the body is on the line of the head."""
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
    """The search for the words about one function.

    Attributes:
        silent: names of the parameters for which the model found no words.
    """

    def __init__(self, scene: Scene, resources: Resources, function: Function, place: _Place) -> None:
        self.silent: list[str] = []
        self._scene = scene
        self._resources = resources
        self._function = function
        self._place = place
        self._form = scene.document.entry.doc_comment
        self._style = docstyles.detect_style(scene, resources) if self._form is None else DocStyle()
        self._body = scene.document.text[function.body.start : function.body.end]

    @property
    def style_name(self) -> str:
        """The name of the documentation style, for a person."""
        return str(self._style.style) if self._form is None else self._scene.document.language

    def find_words(self) -> Words | None:
        """Return the model's words for all parts of the documentation; None if it finds no summary.

        Sets `silent` to the names of the parameters that stay without words.
        """
        self._resources.report(f"finding words for {self._function.name}")
        summary = self._find_summary()
        if not summary:
            return None
        words = Words(summary, return_type=self._function.returns)
        if not self._has_sections():
            return words
        for parameter in self._function.parameters:
            said = self._describe_parameter(words, parameter)
            words = replace(words, parameters=(*words.parameters, (parameter, said)))
        if _RETURNS.search(self._body):
            words = replace(words, returns=self._find_phrase(replace(words, returns="\0"), "\0"))
        for name in dict.fromkeys(_RAISES.findall(self._body)):
            asked = replace(words, raises=(*words.raises, (name, "\0")))
            if said := self._find_phrase(asked, "\0"):
                words = replace(words, raises=(*words.raises, (name, said)))
        self.silent = [each.name for each, said in words.parameters if not said]
        return replace(words, parameters=tuple((each, said) for each, said in words.parameters if said))

    def build_edit(self, words: Words) -> Edit:
        """Return the edit that inserts the documentation with `words` at its place."""
        place = self._place
        written = self._render(words).replace("\n", place.newline)
        if place.breaks_first:
            return Edit(place.at, place.at, place.newline + place.indentation + written.rstrip())
        return Edit(place.at, place.at, written)

    def _has_sections(self) -> bool:
        """Return whether the file's style has sections or tags for parameters, result and exceptions."""
        if self._form is None:
            return self._style.style is not Style.PLAIN
        return doccomments.uses_tags(self._scene.document.text, self._form)

    def _render(self, words: Words) -> str:
        """Return the documentation as text with line feeds, indented."""
        place = self._place
        if self._form is not None:
            return doccomments.render(words, self._form, place.indentation)
        text = docstyles.render(words, self._style, place.indentation)
        return text if place.breaks_first else f"{place.indentation}{text}\n"

    def _find_summary(self) -> str:
        """Return the best summary, "" for none; asks the model once with and once without the rest of the file."""
        begins = self._form.begins.format(name=self._function.name) if self._form is not None else ""
        found: list[filling.Filling] = []
        for document, shift in ((self._scene.document, 0), self._isolate_function()):
            head = self._cut_before(self._render(Words("\0")), "\0") + begins
            found += self._ask(document, self._place.at - shift, head)
        sayings = [
            (self._to_sentence(begins + one.text), one.likelihood + _RELEVANCE_BONUS * self._rate_relevance(one.text))
            for one in found
        ]
        fit = [(said, sure) for said, sure in sayings if said and not self._is_copied(said)]
        return max(fit, key=lambda one: one[1])[0] if fit else ""

    def _describe_parameter(self, words: Words, parameter: Parameter) -> str:
        """Return the likeliest phrase for `parameter` that no earlier parameter has, "" for none."""
        asked = replace(words, parameters=(*words.parameters, (parameter, "\0")))
        return self._find_phrase(asked, "\0", taken=frozenset(said for _, said in words.parameters))

    def _find_phrase(self, asked: Words, mark: str, taken: frozenset[str] = frozenset()) -> str:
        """Return the likeliest usable phrase at the place of `mark` in `asked` that is not in `taken`, "" for none."""
        head = self._cut_before(self._render(asked), mark)
        for one in self._ask(self._scene.document, self._place.at, head):
            said = self._to_phrase(one.text)
            if said and said not in taken:
                return said
        return ""

    def _cut_before(self, text: str, mark: str) -> str:
        """Return the documentation `text` up to `mark`, after a line end and indentation if its place needs them."""
        head = text[: text.index(mark)]
        return (self._place.newline + self._place.indentation if self._place.breaks_first else "") + head

    def _ask(self, document: Document, at: int, head: str) -> list[filling.Filling]:
        """Return the model's texts for a line at offset `at` that begins with `head`, likeliest first."""
        after = "" if self._place.breaks_first else "\n"
        return filling.fill_words(Hole(document, at, at, head, after), self._resources, until=('"""', "'''", "*/"))

    def _isolate_function(self) -> tuple[Document, int]:
        """Return a document of only the function, and the offset in the file where that document begins.

        A small model that sees other functions too repeats what their documentation says.
        """
        start = self._scene.document.text.rfind("\n", 0, self._function.span.start) + 1
        text = self._scene.document.text[start : max(self._function.span.end, self._place.at)]
        return replace(self._scene.document, text=text), start

    def _to_sentence(self, text: str) -> str:
        """Return `text` as a sentence that ends with ".", "!" or "?"; "" where it is too short or unusable."""
        said = self._to_phrase(text)
        if len(said.split()) < _LEAST_WORDS:
            return ""
        return said if said.endswith((".", "!", "?")) else said + "."

    def _to_phrase(self, text: str) -> str:
        """Return `text` on one line, capitalised; "" where it is code, too long, repetitive or unfinished.

        Not capitalised if it begins with the function's name.
        """
        said = " ".join(text.split()).strip("\"'- ")
        if not said or len(said) > _LONGEST or _CODE.search(said) or not any(map(str.isalpha, said)):
            return ""
        if _REPETITION.search(said) or _UNFINISHED.search(said):
            return ""
        named = said.split(maxsplit=1)[0] == self._function.name
        return said if named else said[0].upper() + said[1:]

    def _is_copied(self, sentence: str) -> bool:
        """Return whether another docstring of the file begins with almost the same sentence."""
        return any(
            SequenceMatcher(None, sentence.lower(), other.lower(), autojunk=False).ratio() >= _COPY_RATIO
            for other in self._style.others
        )

    def _rate_relevance(self, said: str) -> float:
        """Return the share of the words in the function's name that occur in `said`, 0 to 1."""
        parts = {part.lower() for part in _PARTS.findall(self._function.name)}
        return sum(part in said.lower() for part in parts) / len(parts) if parts else 0.0


TASK = Task("docstring", Kind.REWRITE, Needs.COMPLETION, offer, propose)
