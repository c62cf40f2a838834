"""Completion in a real workspace over stdio: the whole path, with a scripted model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types

from tests.server import naive
from tests.wire.conftest import wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

SHAPES = "def area(radius):\n    return 3.14 * radius * radius\n"
UNTITLED = "untitled:Untitled-1"


@pytest.mark.real_start
async def test_a_workspace_is_indexed_and_code_in_it_completed(start: Start) -> None:
    session = await start(reply="area(2.0))")
    session.write("shapes.py", SHAPES)
    main = session.write("main.py", "from shapes import area\n\nprint(\n")
    await session.initialize(initialization_options=None)
    await session.wait_for_index(2)
    uri = session.open(main.as_uri(), main.read_text())
    assert "area(2.0))" in await session.list_suggestions(uri, 2, 6)
    hits = (await session.execute("starling.search", query="radius"))["hits"]
    assert [hit["relative"] for hit in hits] == ["shapes.py"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_an_emoji_before_the_cursor_moves_nothing(start: Start, encoding: str) -> None:
    session = await start(reply="42")
    result = await session.initialize(encoding=encoding)
    before = 'smile, answer = "😀", '
    uri = session.open(UNTITLED, before + "\n")
    place = types.Position(0, naive.units(before, encoding))
    answer = await wait_for(session.ask(uri, place.line, place.character, invoked=True))
    assert result.capabilities.position_encoding == encoding
    assert [(item.insert_text, item.range) for item in answer.items] == [("42", types.Range(place, place))]


async def test_a_newer_request_answers_the_older_and_a_change_answers_both(start: Start) -> None:
    session = await start(reply="slow " * 500, token_s=0.05)
    await session.initialize()
    uri = session.open(UNTITLED, "x = \n")
    older = session.ask(uri, 0, 4)
    newer = session.ask(uri, 0, 4)
    assert not (await wait_for(older)).items
    session.change(uri, 2, 0, 4, "y")
    assert not (await wait_for(newer)).items


async def test_a_cancelled_request_is_answered_as_lsp_says(start: Start) -> None:
    session = await start(reply="slow " * 500, token_s=0.05)
    await session.initialize()
    uri = session.open(UNTITLED, "x = \n")
    request = session.ask(uri, 0, 4)
    await asyncio.sleep(0)  # let the request go out, so that it has an id
    (identity,) = session.client.protocol._request_futures
    session.client.cancel_request(types.CancelParams(identity))
    with pytest.raises(Exception, match="is canceled"):
        await wait_for(request)


async def test_two_hundred_keys_are_all_answered_with_few_runs_of_the_model(start: Start) -> None:
    session = await start(reply="nothing like what is typed", token_s=0.05)
    await session.initialize()
    uri = session.open(UNTITLED, "\n")
    requests = []
    for key in range(200):
        session.change(uri, key + 2, 0, key, "abcdefghij"[key % 10] if key % 7 else " ")
        requests.append(session.ask(uri, 0, key + 1))
        await asyncio.sleep(0.03)  # the speed of typing is what is tested
    answers = await wait_for(asyncio.gather(*requests))
    stats = (await session.execute("starling.stats"))["completion"]
    assert len(answers) == 200
    assert stats["model_runs"] <= 40


async def test_untitled_documents_are_completed(start: Start) -> None:
    session = await start(reply="42")
    await session.initialize()
    uri = session.open(UNTITLED, "answer = \n")
    assert await session.list_suggestions(uri, 0, 9) == ["42"]


async def test_cells_of_a_notebook_are_completed(start: Start) -> None:
    session = await start(reply="42")
    await session.initialize()
    cell = types.TextDocumentItem("vscode-notebook-cell:/n.ipynb#W0", "python", 1, "answer = \n")
    notebook = types.NotebookDocument((session.workspace / "n.ipynb").as_uri(), "jupyter-notebook", 1, [])
    session.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(notebook, [cell]))
    assert await session.list_suggestions(cell.uri, 0, 9) == ["42"]


async def test_a_document_with_crlf_is_completed_and_edited_at_the_right_places(start: Start) -> None:
    session = await start(reply="42")
    await session.initialize()
    uri = session.open(UNTITLED, "one = 1\r\ntwo = 2\r\nanswer =\r\n")
    session.change(uri, 2, 2, 8, " ")
    answer = await wait_for(session.ask(uri, 2, 9, invoked=True))
    place = types.Position(2, 9)
    assert [(item.insert_text, item.range) for item in answer.items] == [("42", types.Range(place, place))]


async def test_a_secret_file_gets_nothing_and_an_ordinary_one_beside_it_does(start: Start) -> None:
    session = await start(reply="42")
    secret = session.write(".env", "TOKEN = \n")
    plain = session.write("main.py", "answer = \n")
    await session.initialize()
    assert await session.list_suggestions(session.open(secret.as_uri(), "TOKEN = \n"), 0, 8) == []
    assert await session.list_suggestions(session.open(plain.as_uri(), "answer = \n"), 0, 9) == ["42"]


async def test_a_client_without_inline_completion_gets_the_same_in_its_list(start: Start) -> None:
    session = await start(reply="42")
    capabilities = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(completion=types.CompletionClientCapabilities())
    )
    await session.initialize(capabilities=capabilities)
    uri = session.open(UNTITLED, "answer = \n")
    params = types.CompletionParams(types.TextDocumentIdentifier(uri), types.Position(0, 9))
    result = await wait_for(session.client.text_document_completion_async(params))
    assert [item.text_edit.new_text for item in result.items] == ["42"]


async def test_a_fifty_megabyte_file_is_opened_changed_and_closed(start: Start) -> None:
    session = await start(reply="42")
    await session.initialize()
    huge = session.open("file:///huge.py", "value = 1  # one line of many\n" * 1_750_000)
    session.change(huge, 2, 1000, 0, "x")
    assert await session.list_suggestions(huge, 1000, 1) == []
    uri = session.open(UNTITLED, "answer = \n")
    assert await session.list_suggestions(uri, 0, 9) == ["42"]


async def test_binary_text_and_lone_surrogates_are_harmless(start: Start) -> None:
    session = await start(reply="42")
    session.write("blob.py", bytes(range(256)) * 100)
    await session.initialize()
    odd = session.open(UNTITLED, "\x00\x01\ud800\udfff\ufffe = '\udcff'\nanswer = \n")
    assert await session.list_suggestions(odd, 1, 9) == ["42"]
    assert (await session.execute("starling.status"))["open_documents"] == 1


async def test_a_key_after_a_dot_offers_the_members_of_a_class_of_another_file_without_a_model(start: Start) -> None:
    session = await start(reply="")
    session.write(
        "shapes.py", "class Circle:\n    def __init__(self, radius: float) -> None:\n        self.radius = radius\n"
    )
    text = "from shapes import Circle\n\n\ndef run(circle: Circle) -> float:\n    return circle\n"
    main = session.write("main.py", text)
    await session.initialize(initialization_options=None)
    await session.wait_for_index(2)
    uri = session.open(main.as_uri(), text)
    session.change(uri, 2, 4, 17, ".")
    for _ in range(50):  # on a busy machine, the first requests may be answered before the names are resolved
        if found := await session.list_suggestions(uri, 4, 18):
            break
    assert "radius" in found
