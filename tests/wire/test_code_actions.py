"""Code actions over the wire: a docstring is asked for in a menu, shown as a diff, asked about once, written or not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs
from lsprotocol import types

from tests.wire.conftest import to_plain_json, wait_for
from tests.wire.test_gate import EDITING, Person

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

AREA = "def area(radius):\r\n    return 3.14 * radius**2\r\n"
DOCUMENTED = 'def area(radius):\r\n    """Return the area of a circle."""\r\n    return 3.14 * radius**2\r\n'
MENU = types.CodeActionClientCapabilities(
    code_action_literal_support=types.ClientCodeActionLiteralOptions(types.ClientCodeActionKindOptions([])),
    disabled_support=True,
    data_support=True,
    resolve_support=types.ClientCodeActionResolveOptions(["edit"]),
)
ABLE = attrs.evolve(EDITING, text_document=types.TextDocumentClientCapabilities(code_action=MENU))


async def begin(start: Start, text: str, *, model: bool = True) -> tuple[Session, Person, str]:
    """Begin a session and open a file with `text`; return session, person and URI once the file is reviewed."""
    session = await start(reply="Return the area of a circle.")
    person = Person(session)
    converter = session.client.protocol._converter
    # lsprotocol would parse an action that has a command as a command
    converter.register_structure_hook(
        types.Command | types.CodeAction, lambda item, _: converter.structure(item, types.CodeAction)
    )
    settings = {"model": {"enabled": model}, "review": {"delayMs": 0}}
    await session.initialize(capabilities=ABLE, initialization_options=settings)
    path = session.write("area.py", text)
    uri = session.open(path.as_uri(), text)
    await wait_for(session.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS))
    return session, person, uri


async def request_menu(session: Session, uri: str, line: int, *only: str) -> list[types.CodeAction]:
    place = types.Position(line, 6)
    context = types.CodeActionContext([], list(only) or None, types.CodeActionTriggerKind.Invoked)
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), types.Range(place, place), context)
    return list(await wait_for(session.client.text_document_code_action_async(params)))


def choose(session: Session, items: list[types.CodeAction], title: str) -> asyncio.Future[Any]:
    """Run the command of the item with the title `title`; return the future of its result."""
    (item,) = [one for one in items if one.title == title]
    assert item.command is not None
    params = types.ExecuteCommandParams(item.command.command, item.command.arguments)
    return asyncio.ensure_future(session.client.workspace_execute_command_async(params))


def apply_edits(session: Session, uri: str, edits: list[types.TextEdit], text: str) -> None:
    """Make the one edit, an insertion, as the editor does, and notify the server."""
    (edit,) = edits
    assert edit.range.start == edit.range.end
    session.change(uri, 2, edit.range.start.line, edit.range.start.character, edit.new_text)
    assert edit.new_text in text


async def test_a_docstring_is_shown_confirmed_once_and_written_after_approval(start: Start) -> None:
    session, person, uri = await begin(start, AREA)
    running = choose(session, await request_menu(session, uri, 0), "Write a docstring for `area`")
    (asked, diff), answer = await person.take_question()
    assert "Document `area`?" in asked.message
    assert '+    """Return the area of a circle."""' in diff
    answer.set_result(types.MessageActionItem("Apply"))
    applying, applied = await person.take_request(types.WORKSPACE_APPLY_EDIT)
    (change,) = applying.edit.document_changes
    apply_edits(session, uri, change.edits, DOCUMENTED)
    applied.set_result(types.ApplyWorkspaceEditResult(applied=True))
    result = to_plain_json(await wait_for(running))
    assert (result["outcome"], result["task"], result["reason"]) == ("applied", "docstring", None)
    assert person.requests.empty()
    (row,) = (await session.execute("starling.audit"))["rows"]
    assert (row["proposer"], row["model"], row["written"]) == ("generator", "scripted", True)


async def test_after_a_rejection_every_byte_is_as_before_and_the_agent_knows(start: Start) -> None:
    session, person, uri = await begin(start, AREA)
    running = choose(session, await request_menu(session, uri, 0), "Write a docstring for `area`")
    _, answer = await person.take_question()
    answer.set_result(types.MessageActionItem("Reject"))
    result = to_plain_json(await wait_for(running))
    assert (result["outcome"], result["checkpoint"]) == ("rejected", None)
    assert person.requests.empty()
    assert (session.workspace / "area.py").read_bytes() == AREA.encode()


async def test_without_a_model_static_fixes_work_and_the_rest_says_why_not(start: Start) -> None:
    session, _, uri = await begin(start, "import os\n\n\n" + AREA.replace("\r", ""), model=False)
    disabled = {
        one.title: one.disabled.reason for one in await request_menu(session, uri, 3) if one.disabled is not None
    }
    assert "model.enabled" in disabled["Write a docstring for `area`"]
    (fix, *_) = await request_menu(session, uri, 0, "quickfix")
    assert fix.edit is None
    resolved = await wait_for(session.client.code_action_resolve_async(fix))
    (change,) = resolved.edit.document_changes
    assert (change.text_document.uri, [one.new_text for one in change.edits]) == (uri, [""])


async def test_fix_all_applies_the_safe_fixes(start: Start) -> None:
    session, _, uri = await begin(start, "import os\nimport sys\n\nx = 1\n", model=False)
    (action,) = await request_menu(session, uri, 3, "source.fixAll")
    resolved = await wait_for(session.client.code_action_resolve_async(action))
    (change,) = resolved.edit.document_changes
    assert len(change.edits) == 2
