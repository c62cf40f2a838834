"""Next edits over the wire: a rename is carried on, edit by edit, as an editor would; an excluded file has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from tests.wire.conftest import to_plain_json, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

CODE = "size = 1\nprint(size)\nuse(size)\n"


def replace(session: Session, uri: str, version: int, span: types.Range, text: str) -> None:
    change = types.TextDocumentContentChangePartial(span, text)
    document = types.VersionedTextDocumentIdentifier(version, uri)
    session.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))


async def ask(session: Session, uri: str) -> Any:
    params = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 6}}
    return to_plain_json(await wait_for(session.client.protocol.send_request_async("starling/nextEdit", params)))


async def test_a_rename_is_carried_on_edit_by_edit(start: Start) -> None:
    session = await start()
    result = await session.initialize()
    assert to_plain_json(result.capabilities.experimental) == {"starling": {"nextEdit": True}}
    uri = session.open(session.write("main.py", CODE).as_uri(), CODE)
    replace(session, uri, 2, types.Range(types.Position(0, 0), types.Position(0, 4)), "length")
    lines = []
    for version in (3, 4):
        edit = (await ask(session, uri))["edit"]
        lines.append(edit["range"]["start"]["line"])
        ends = (types.Position(**edit["range"][end]) for end in ("start", "end"))
        replace(session, uri, version, types.Range(*ends), edit["newText"])
        session.client.protocol.notify("starling/didEndNextEdit", {"id": edit["id"], "accepted": True})
    assert lines == [1, 2]
    assert await ask(session, uri) is None
    assert (await session.execute("starling.stats"))["next_edits"]["accepted"] == {"rename": 2}
    await session.shut_down()


async def test_a_secret_file_has_none(start: Start) -> None:
    session = await start()
    await session.initialize()
    uri = session.open(session.write(".env", CODE).as_uri(), CODE)
    replace(session, uri, 2, types.Range(types.Position(0, 0), types.Position(0, 4)), "length")
    assert await ask(session, uri) is None
    await session.shut_down()
