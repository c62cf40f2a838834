"""Writes a test of a function, next to the tests there are, with their framework and naming.

The model writes the body with the function's source in view. A body that does not call the function, or claims
nothing, is no test. Where it may be run, it is, and what came of it is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor
from agents.edits import Change, CreateFile, Edit, ProposedEdit, TextChange
from agents.tasks import edit_ranking, filling, testing
from agents.tasks.filling import Hole
from agents.tasks.functions import Function, function_at
from agents.tasks.proposals import not_here, not_written, notes_of
from agents.tasks.task import Kind, Needs, Offer, Scene, Task, TestRun
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from agents.tasks.edit_ranking import Ranked
    from agents.tasks.task import Means, Result
    from agents.tasks.testing import TestPlace

LINES = 10
_CLAIMS = re.compile(r"\bassert|\bexpect\(|\bt\.(?:Error|Fatal|Fail)|\bself\.assert|\bpytest\.raises")
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_TRIED = 3  # candidates that are run


@dataclass(frozen=True, slots=True)
class _Form:
    """How one test is written: its head, what closes it, and how a claim begins where the model needs a start."""

    head: str
    claim: str
    closing: str = ""
    unit: str = "    "


def offer(scene: Scene) -> Offer | None:
    """For a function with a body, in a file that is no test itself."""
    document = scene.document
    if document.path is None or not document.entry.test_custom or testing.is_test(document.path):
        return None
    function = function_at(scene.syntax, scene.span.start)
    if function is None or function.is_stub(document.text) or function.name.startswith("__"):
        return None
    return Offer(f"Write a test for `{function.qualified}`", function.span)


def propose(scene: Scene, means: Means) -> Result:
    """The likeliest test that parses; of those that can be run, one that passes."""
    function = function_at(scene.syntax, scene.span.start)
    place = testing.place_for(scene.document, function, means) if function is not None else None
    if function is None or place is None:
        return not_here("There is no function here that a test file could call")
    means.report(f"writing a test for {function.name}")
    written = _Written(scene, function, place)
    usable = [
        one for one in edit_ranking.ranked(written.candidates(means), written.target, means) if written.is_test(one)
    ]
    if not usable:
        return not_written(f"The model found no test of `{function.name}` that calls it, claims something and parses")
    tried = usable[:_TRIED]
    means.report("running the test")
    runs = means.run_tests([written.changes(one) for one in tried], place.path)
    best, run = next(
        ((one, run) for one, run in zip(tried, runs, strict=False) if run.green),
        (tried[0], runs[0] if runs else TestRun(ran=False, said="nobody allowed it, or there is no way to.")),
    )
    return ProposedEdit(
        title=f"Write a test for `{function.qualified}`",
        why=f"A {place.framework} test in {place.path.name}, beside those there are.",
        by="generator",
        changes=tuple(written.changes(best)),
        model=means.model.entry.name if means.model is not None else "",
        notes=notes_of(best, run),
    )


class _Written:
    """The test file with a test at its end."""

    def __init__(self, scene: Scene, function: Function, place: TestPlace) -> None:
        self._scene = scene
        self._function = function
        self._place = place
        self._form = _form_of(function, place)
        before = place.before or ""
        document = Document(place.path.as_uri(), place.path, scene.document.language, before)
        if place.path == scene.document.path:
            document = scene.document
        self.target = Scene(document, Syntax.of(document), Span(len(before), len(before)))

    def candidates(self, means: Means) -> list[edit_ranking.Candidate]:
        """Tests as the model writes them: freely, and where it needs a start, from a claim on."""
        found = []
        source = self._source()
        for begun in ("", self._form.claim):
            head = f"{source}\n\n\n{self._form.head}{begun}"
            prompt = replace(self._scene.document, uri=self._place.path.as_uri(), path=self._place.path, text=head)
            indentation = len(self._form.head.rpartition("\n")[2])
            plan = filling.planned(indentation, lines=1 if begun else LINES)
            found += [
                edit_ranking.Candidate(self._edits(begun + one.text), one.likelihood)
                for one in filling.block(Hole(prompt, len(head), len(head)), means, plan)
            ]
        return found

    def is_test(self, one: Ranked) -> bool:
        """Whether it calls the function, claims something, and is of one piece."""
        body = one.candidate.edits[-1].text.partition(self._form.head)[2]
        return bool(re.search(rf"\b{self._function.name}\(", body) and _CLAIMS.search(body))

    def changes(self, one: Ranked) -> list[Change]:
        """What is to be changed."""
        place, document = self._place, self.target.document
        if place.before is None:
            return [CreateFile(place.path, one.after.text)]
        return [TextChange(document.uri, place.path, document.text, one.candidate.edits)]

    def _edits(self, body: str) -> tuple[Edit, ...]:
        form, place = self._form, self._place
        test = f"{form.head}{body}{form.closing}\n"
        if place.before is None:
            return (Edit(0, 0, f"{place.header}\n\n{test}" if form.unit != "\t" else f"{place.header}\n{test}"),)
        text = place.before
        newline = Cursor.at(self.target.document, 0).newline
        end = len(text.rstrip())
        own = Edit(end, len(text), f"\n\n\n{test}".replace("\n", newline))
        if place.framework == "rust":
            own = Edit(end, len(text), f"\n\n{test}".replace("\n", newline))
        if not place.needs:
            return (own,)
        at = _behind_imports(text)
        return (Edit(at, at, place.needs + newline), own) if at < end else (own,)

    def _source(self) -> str:
        """What the model is to test: the function, with the head of its class."""
        text = self._scene.document.text
        start = text.rfind("\n", 0, self._function.span.start) + 1
        source = text[start : self._function.span.end]
        container = self._function.container
        return (
            f"class {container}:\n{source}"
            if container and self._scene.document.entry.columns == "statements"
            else source
        )


def _form_of(function: Function, place: TestPlace) -> _Form:
    words = "_".join(word.lower() for word in _WORDS.findall(function.qualified))
    call = f"{function.name}("
    if place.framework == "unittest":
        title = "".join(word.capitalize() for word in words.split("_"))
        return _Form(
            f"class {title}Test(unittest.TestCase):\n    def test_{words}(self):\n        ", f"self.assertEqual({call}"
        )
    if place.framework == "go":
        title = function.qualified.replace(".", "")
        return _Form(f"func Test{title[:1].upper()}{title[1:]}(t *testing.T) {{\n\t", f"if {call}", "\n}", "\t")
    if place.framework == "rust":
        head = (
            f"#[cfg(test)]\nmod {words}_tests {{\n    use super::*;\n\n    #[test]\n    fn {words}_works() {{\n        "
        )
        return _Form(head, f"assert_eq!({call}", "\n    }\n}")
    if place.framework in {"jest", "vitest", "mocha", "node"}:
        claim = f"expect({call}" if place.framework in {"jest", "vitest"} else f"assert.strictEqual({call}"
        word = "it" if place.framework == "mocha" else "test"
        return _Form(f'{word}("{function.qualified}", () => {{\n  ', claim, "\n});", "  ")
    return _Form(f"def test_{words}():\n    ", f"assert {call}" if not function.receiver else "assert ")


def _behind_imports(text: str) -> int:
    """Where another import may go: below the last one at the top of the file, else at the top."""
    found = [
        match.end() for match in re.finditer(r"^(?:from\s+\S+\s+import\s+[^(\n]+|import\s[^\n]+)\n", text, re.MULTILINE)
    ]
    return found[-1] if found else 0


TASK = Task("test", Kind.REWRITE, Needs.COMPLETION, offer, propose)
