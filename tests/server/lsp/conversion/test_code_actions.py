"""Code actions: the list for each kind of client, the content of an action, and the effect of a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.edits import Edit
from agents.findings import Fix, Layer
from models.local.lazy_model import LazyModel
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from server.gate.question.scripted_person import ScriptedAsker
from server.state.paths import HOME_VARIABLE
from tests.server.editor import URI, finding

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.editor import Editor

LITERALS = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}, "isPreferredSupport": True}
RESOLVES = {"dataSupport": True, "resolveSupport": {"properties": ["edit"]}}
FULL = {**LITERALS, **RESOLVES, "disabledSupport": True}
STUB = "def area(r):\n    pass\n"
SAFE = finding("bad-word", fix=Fix("Say it better", (Edit(0, 3, "good"),), safe=True))


def make_capabilities(menu: dict[str, Any], **workspace: Any) -> dict[str, Any]:
    return {"textDocument": {"inlineCompletion": {}, "codeAction": menu}, "workspace": workspace}


def use_model(editor: Editor, says: str = "return 1") -> None:
    editor.model = LazyModel(ENTRY, lambda: ScriptedModel({"": says}))


async def open_and_review(editor: Editor, text: str, uri: str = URI) -> None:
    """Open a document and wait until it is reviewed."""
    editor.open(text, uri=uri)
    reviews = editor.server.session.reviews
    await editor.until(lambda: reviews.get_newest(uri) is not None)


def ask(editor: Editor, line: int = 0, character: int = 0, uri: str = URI, **context: Any) -> int:
    """Request the code actions at a position and return the request's id."""
    place = {"line": line, "character": character}
    params = {"textDocument": {"uri": uri}, "range": {"start": place, "end": place}}
    return editor.ask("textDocument/codeAction", {**params, "context": {"diagnostics": [], **context}})


async def request_actions(
    editor: Editor, line: int = 0, character: int = 0, uri: str = URI, **context: Any
) -> list[dict[str, Any]]:
    """Request the code actions at a position and return them."""
    return list((await editor.answer(ask(editor, line, character, uri, **context)))["result"])


def list_titles(found: list[dict[str, Any]]) -> list[str]:
    return [one["title"] for one in found]


async def resolve(editor: Editor, action: dict[str, Any]) -> dict[str, Any]:
    return dict((await editor.answer(editor.ask("codeAction/resolve", action)))["result"])


async def test_the_kinds_and_the_resolving_are_declared(editor: Editor) -> None:
    declared = (await editor.begin())["codeActionProvider"]
    assert declared == {
        "codeActionKinds": ["quickfix", "refactor.rewrite", "source.fixAll.starling"],
        "resolveProvider": True,
    }


async def test_a_stub_offers_its_tasks_as_commands_with_the_place(editor: Editor) -> None:
    use_model(editor)
    await editor.begin(make_capabilities(FULL))
    await open_and_review(editor, STUB)
    first = (await request_actions(editor))[0]
    assert (first["title"], first["kind"], first["isPreferred"]) == ("Implement `area`", "refactor.rewrite", True)
    assert "edit" not in first
    place = {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 8}}
    assert first["command"]["command"] == "starling.generate"
    assert first["command"]["arguments"] == [{"uri": URI, "range": place, "task": "implement"}]


async def test_without_a_model_actions_that_need_one_say_why_they_are_disabled(editor: Editor) -> None:
    await editor.begin(make_capabilities(FULL))
    await open_and_review(editor, STUB)
    found = {one["title"]: one.get("disabled", {}).get("reason", "") for one in await request_actions(editor)}
    assert "model.enabled" in found["Implement `area`"]
    assert found["Add type hints to `area`"] == ""


async def test_a_model_that_cannot_be_loaded_is_the_reason(editor: Editor) -> None:
    def fail() -> ScriptedModel:
        from models.errors import ModelError  # noqa: PLC0415 (of this test alone)

        raise ModelError("The weights are gone; pull them again.")

    editor.model = LazyModel(ENTRY, fail)
    await editor.begin(make_capabilities(FULL))
    await open_and_review(editor, STUB)
    await editor.until(lambda: editor.model is not None and editor.model.state == "failed")
    assert (await request_actions(editor))[0]["disabled"] == {"reason": "The weights are gone; pull them again."}


@pytest.mark.parametrize(
    ("menu", "context"),
    [({**LITERALS, **RESOLVES}, {}), (FULL, {"triggerKind": 2})],
    ids=["a client that cannot show them", "a menu that opens by itself"],
)
async def test_disabled_actions_are_left_out(editor: Editor, menu: dict[str, Any], context: dict[str, Any]) -> None:
    await editor.begin(make_capabilities(menu))
    await open_and_review(editor, STUB)
    assert "Implement `area`" not in list_titles(await request_actions(editor, **context))


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (["quickfix"], {"quickfix"}),
        (["refactor"], {"refactor.rewrite"}),
        (["source"], {"source.fixAll.starling"}),
        (["source.fixAll"], {"source.fixAll.starling"}),
        (["source.fixAll.starling"], {"source.fixAll.starling"}),
        (["source.fixAll.ruff"], set()),
        (["source.organizeImports"], set()),
        (["quickfix", "source.fixAll"], {"quickfix", "source.fixAll.starling"}),
    ],
)
async def test_only_the_requested_kinds_are_listed(editor: Editor, only: list[str], kinds: set[str]) -> None:
    use_model(editor)
    editor.reviewer.findings = {"bad": SAFE}
    await editor.begin(make_capabilities(FULL))
    await open_and_review(editor, "bad = 1\n\n\n" + STUB)
    found = [*await request_actions(editor, only=only), *await request_actions(editor, 3, only=only)]
    assert {one["kind"] for one in found} == kinds


async def test_a_safe_fix_gets_its_edit_when_it_is_chosen_and_the_change_is_recorded(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    root = tmp_path / "work"
    root.mkdir()
    uri = (root / "a.py").as_uri()
    editor.reviewer.findings = {"bad": SAFE}
    folders = [{"uri": root.as_uri(), "name": "work"}]
    await editor.begin(make_capabilities(FULL, workspaceEdit={"documentChanges": True}), workspaceFolders=folders)
    await open_and_review(editor, "bad = 1\n", uri)
    first = (await request_actions(editor, uri=uri))[0]
    assert (first["title"], first["kind"], first["isPreferred"], "edit" in first) == (
        "Say it better", "quickfix", True, False,
    )  # fmt: skip
    (change,) = (await resolve(editor, first))["edit"]["documentChanges"]
    assert (change["textDocument"], change["edits"][0]["newText"]) == ({"uri": uri, "version": 1}, "good")
    gate = editor.server.session.get_gate()
    assert gate.journal.records.list_audit(9) == ()  # handed over is not made
    document = {"uri": uri, "version": 2}
    editor.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": "good = 1\n"}]})
    await editor.until(lambda: gate.journal.records.list_audit(9))
    (row,) = gate.journal.records.list_audit(9)
    assert (row.title, row.answer, row.verdict, row.written, row.subject) == (
        "Say it better", "approve", "applied", True, str(root / "a.py"),
    )  # fmt: skip
    (request,) = gate.journal.records.list_requests("", 9)
    kept = gate.journal.find_checkpoint(request.checkpoint)
    assert kept.files[0].before is not None
    assert (kept.files[0].before.text, kept.files[0].after) == ("bad = 1\n", "good = 1\n")


async def test_a_client_that_resolves_nothing_gets_the_edit_at_once(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": SAFE}
    await editor.begin(make_capabilities(LITERALS))
    await open_and_review(editor, "bad = 1\n")
    (first, *rest) = await request_actions(editor, only=["quickfix", "source"])
    assert first["edit"]["changes"][URI][0]["newText"] == "good"
    assert rest == []  # all of them at once would have to be computed before they are wanted


async def test_a_client_without_literals_gets_commands(editor: Editor) -> None:
    use_model(editor)
    editor.reviewer.findings = {"bad": SAFE}
    await editor.begin(make_capabilities({}))
    await open_and_review(editor, "bad = 1\n\n\n" + STUB)
    assert {one["command"] for one in await request_actions(editor, 3)} == {"starling.generate"}


async def test_a_fix_that_is_not_safe_is_a_command_and_so_is_one_that_a_model_must_write(editor: Editor) -> None:
    use_model(editor)
    editor.reviewer.findings = {
        "bad": finding("bad-word", fix=Fix("Say it otherwise", (Edit(0, 3, "good"),))),
        "odd": finding("odd-word"),
        "late": finding("late-word", layer=Layer.STATIC, fix=Fix("Write it anew")),
    }
    await editor.begin(make_capabilities(FULL))
    await open_and_review(editor, "bad = odd = late\n")
    found = [one for one in await request_actions(editor, only=["quickfix"]) if "disabled" not in one]
    assert list_titles(found) == ["Say it otherwise", "Fix with the model: odd-word", "Write it anew"]
    assert {one["command"]["command"] for one in found} == {"starling.fix"}
    assert [one["command"]["arguments"][0]["code"] for one in found] == ["bad-word", "odd-word", "late-word"]


async def test_a_quick_fix_names_the_diagnostic_that_it_fixes(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": SAFE}
    await editor.begin(make_capabilities(FULL))
    await open_and_review(editor, "bad = 1\n")
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}
    diagnostics = [
        {"range": span, "message": "x", "code": "bad-word"},
        {"range": span, "message": "y", "code": "other"},
    ]
    (first,) = await request_actions(editor, only=["quickfix"], diagnostics=diagnostics)
    assert [one["code"] for one in first["diagnostics"]] == ["bad-word"]


async def test_fix_all_contains_only_safe_fixes_of_the_text_at_the_time_of_the_choice(editor: Editor) -> None:
    editor.reviewer.findings = {
        "bad": SAFE,
        "odd": finding("odd-word", fix=Fix("Guess", (Edit(0, 0, "?"),))),
    }
    await editor.begin(make_capabilities(FULL), initializationOptions={"review": {"delayMs": 10_000}})
    await open_and_review(editor, "bad = odd\n")
    (action,) = await request_actions(editor, only=["source.fixAll"])
    editor.type("\n", 0, 0, version=2)
    edits = (await resolve(editor, action))["edit"]["changes"][URI]
    assert [one["newText"] for one in edits] == ["good"]


async def test_a_fix_whose_finding_is_gone_resolves_to_nothing(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": SAFE}
    await editor.begin(make_capabilities(FULL))
    await open_and_review(editor, "bad = 1\n")
    (action,) = await request_actions(editor, only=["quickfix"])
    editor.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "fine = 1\n"}]},
    )
    assert "edit" not in await resolve(editor, action)


async def test_findings_of_an_older_version_move_with_the_text(editor: Editor) -> None:
    fix = Fix("Say it better", (Edit(6, 9, "good"),), safe=True)
    editor.reviewer.findings = {"bad": finding("bad-word", fix=fix)}
    await editor.begin(make_capabilities(FULL), initializationOptions={"review": {"delayMs": 10_000}})
    await open_and_review(editor, "x = 1\nbad = 1\n")
    editor.type("y = 2\n", 0, 0, version=2)
    assert list_titles(await request_actions(editor, 2, only=["quickfix"])) == ["Say it better"]
    assert await request_actions(editor, 1, only=["quickfix"]) == []


async def test_nothing_is_listed_while_starting_or_for_a_document_that_is_not_open(editor: Editor) -> None:
    editor.may_build.clear()
    await editor.begin(make_capabilities(FULL), ready=False)
    editor.open(STUB)
    assert await request_actions(editor) == []
    editor.may_build.set()
    assert await request_actions(editor, uri="untitled:other") == []


async def test_listing_runs_no_model_and_no_review(editor: Editor) -> None:
    model = ScriptedModel({"": "x"})
    editor.model = LazyModel(ENTRY, lambda: model)
    editor.reviewer.findings = {"pass": finding("bad-word")}
    await editor.begin(make_capabilities(FULL))
    await open_and_review(editor, STUB)
    looked = len(editor.reviewer.asked)
    assert len(await request_actions(editor, 1)) > 3
    assert (model.requests, len(editor.reviewer.asked)) == ([], looked)


async def test_another_edit_is_not_recorded_as_the_chosen_fix(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": SAFE}
    await editor.begin(make_capabilities(FULL))
    await open_and_review(editor, "bad = 1\n")
    (action,) = await request_actions(editor, only=["quickfix"])
    await resolve(editor, action)
    gate = editor.server.session.get_gate()
    gate._asker = ScriptedAsker([])
    editor.type("# mine\n", 0, 0, version=2)
    await editor.until(lambda: editor.server.session.documents.get(URI).version == 2)  # type: ignore[union-attr]
    assert editor.server.session._chosen_fixes._expected[URI]  # it still waits
