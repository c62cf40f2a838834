"""The task "test": writes a test of a function where the workspace's tests are, with their framework and naming.

The model sees the source of the function. A test that does not call the function or asserts nothing is dropped. Tests
are run where a person allows it, and the proposal shows the result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor
from agents.edits import Change, CreateFile, Edit, ProposedEdit, TextChange
from agents.tasks import edit_ranking, filling, testing
from agents.tasks.filling import Hole
from agents.tasks.functions import Function, find_function_at
from agents.tasks.proposals import decline_answer, decline_place, list_notes
from agents.tasks.task import Kind, Needs, Offer, Scene, Task, TestRun
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from agents.tasks.edit_ranking import RankedCandidate
    from agents.tasks.task import Resources, Result
    from agents.tasks.testing import TestPlace

LINES = 10
_ASSERTIONS = re.compile(r"\bassert|\bexpect\(|\bt\.(?:Error|Fatal|Fail)|\bself\.assert|\bpytest\.raises")
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_MOST_RUN = 3  # candidates that are run at most


@dataclass(frozen=True, slots=True)
class _Form:
    """The fixed parts of a test.

    Attributes:
        head: text before the body.
        claim: the start of an assertion, for a model that needs one.
        closing: text after the body.
        unit: one step of indentation.
    """

    head: str
    claim: str
    closing: str = ""
    unit: str = "    "


def offer(scene: Scene) -> Offer | None:
    """Return the offer for the function at the cursor; None for a stub or a dunder method, and without a function.

    None also in a test file or an unsaved document, and for a language whose tests Starling does not know.
    """
    document = scene.document
    if document.path is None or not document.entry.test_custom or testing.is_test_file(document.path):
        return None
    function = find_function_at(scene.syntax, scene.span.start)
    if function is None or function.is_stub(document.text) or function.name.startswith("__"):
        return None
    return Offer(f"Write a test for `{function.qualified}`", function.span)


def propose(scene: Scene, resources: Resources) -> Result:
    """Return a proposal with the model's best test that parses, calls the function and asserts; else `Nothing`.

    Runs at most three tests, after a person has been asked for permission, and prefers one that passes.

    Raises:
        Cancelled: the request was cancelled.
    """
    function = find_function_at(scene.syntax, scene.span.start)
    place = testing.find_test_place(scene.document, function, resources) if function is not None else None
    if function is None or place is None:
        return decline_place("There is no function here that a test file could call")
    resources.report(f"writing a test for {function.name}")
    written = _TestWriter(scene, function, place)
    usable = [
        one
        for one in edit_ranking.rank(written.write_candidates(resources), written.target, resources)
        if written.is_real_test(one)
    ]
    if not usable:
        return decline_answer(
            f"The model found no test of `{function.name}` that calls it, asserts something and parses"
        )
    tried = usable[:_MOST_RUN]
    resources.report("running the test")
    runs = resources.run_tests([written.build_changes(one) for one in tried], place.path)
    best, run = next(
        ((one, run) for one, run in zip(tried, runs, strict=False) if run.green),
        (
            tried[0],
            runs[0] if runs else TestRun(ran=False, output="permission was refused, or there is no way to run them."),
        ),
    )
    return ProposedEdit(
        title=f"Write a test for `{function.qualified}`",
        why=f"A {place.framework} test in {place.path.name}, like the tests of this workspace.",
        by="generator",
        changes=tuple(written.build_changes(best)),
        model=resources.model.entry.name if resources.model is not None else "",
        notes=list_notes(best, run),
    )


class _TestWriter:
    """The test file of one function, to which candidate tests are appended."""

    def __init__(self, scene: Scene, function: Function, place: TestPlace) -> None:
        self._scene = scene
        self._function = function
        self._place = place
        self._form = _choose_form(function, place)
        before = place.before or ""
        document = Document(place.path.as_uri(), place.path, scene.document.language, before)
        if place.path == scene.document.path:
            document = scene.document
        self.target = Scene(document, Syntax.of(document), Span(len(before), len(before)))

    def write_candidates(self, resources: Resources) -> list[edit_ranking.Candidate]:
        """Return tests by the model: some written freely, others that begin with an assertion on the function."""
        found = []
        source = self._build_source()
        for begun in ("", self._form.claim):
            head = f"{source}\n\n\n{self._form.head}{begun}"
            prompt = replace(self._scene.document, uri=self._place.path.as_uri(), path=self._place.path, text=head)
            indentation = len(self._form.head.rpartition("\n")[2])
            plan = filling.plan_block(indentation, lines=1 if begun else LINES)
            found += [
                edit_ranking.Candidate(self._build_edits(begun + one.text), one.likelihood)
                for one in filling.fill_block(Hole(prompt, len(head), len(head)), resources, plan)
            ]
        return found

    def is_real_test(self, one: RankedCandidate) -> bool:
        """Return whether the candidate's test calls the function and asserts something."""
        body = one.candidate.edits[-1].text.partition(self._form.head)[2]
        return bool(re.search(rf"\b{self._function.name}\(", body) and _ASSERTIONS.search(body))

    def build_changes(self, one: RankedCandidate) -> list[Change]:
        """Return the changes that write the candidate's test: a new file, or edits of the existing one."""
        place, document = self._place, self.target.document
        if place.before is None:
            return [CreateFile(place.path, one.after.text)]
        return [TextChange(document.uri, place.path, document.text, one.candidate.edits)]

    def _build_edits(self, body: str) -> tuple[Edit, ...]:
        """Return the edits of the test file that append a test with `body`, and the import that the test needs."""
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
        at = _find_imports_end(text)
        return (Edit(at, at, place.needs + newline), own) if at < end else (own,)

    def _build_source(self) -> str:
        """Return the source of the function for the model, in Python below the head of its class."""
        text = self._scene.document.text
        start = text.rfind("\n", 0, self._function.span.start) + 1
        source = text[start : self._function.span.end]
        container = self._function.container
        return (
            f"class {container}:\n{source}"
            if container and self._scene.document.entry.columns == "statements"
            else source
        )


def _choose_form(function: Function, place: TestPlace) -> _Form:
    """Return the fixed parts of a test of `function` for the framework of `place`."""
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


def _find_imports_end(text: str) -> int:
    """Return the offset below the last one-line import of a Python file; without one, where its text begins."""
    found = [
        match.end()
        for match in re.finditer(r"^\ufeff?(?:from\s+\S+\s+import\s+[^(\n]+|import\s[^\n]+)\n", text, re.MULTILINE)
    ]
    return found[-1] if found else int(text.startswith("\ufeff"))


TASK = Task("test", Kind.REWRITE, Needs.COMPLETION, offer, propose)
