"""Folders, files that change on disk, and settings, on real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]


async def search(session: Session, query: str) -> list[str]:
    """Return the files that a search for `query` finds, sorted."""
    return sorted({hit["relative"] for hit in (await session.execute("starling.search", query=query))["hits"]})


async def test_several_folders_are_one_workspace_and_may_come_and_go(start: Start, tmp_path: Path) -> None:
    session = await start()
    other = tmp_path / "other"
    other.mkdir()
    (other / "birds.py").write_text("def migrate(flock):\n    return flock\n")
    session.write("trees.py", "def grow(forest):\n    return forest\n")
    await session.initialize(session.workspace, other)
    await session.wait_for_index(2)
    assert (await search(session, "migrate flock"), await search(session, "grow forest")) == (
        ["birds.py"],
        ["trees.py"],
    )
    gone = types.WorkspaceFoldersChangeEvent(added=[], removed=[types.WorkspaceFolder(other.as_uri(), "other")])
    session.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(gone))
    await session.wait_for_index(1)
    assert await search(session, "migrate flock") == []


async def test_files_changed_on_disk_are_found_without_notifications_of_the_client(start: Start) -> None:
    session = await start()
    session.write("old.py", "def first(nest):\n    return nest\n")
    await session.initialize()
    await session.wait_for_index(1)
    session.write("new.py", "def second(egg):\n    return egg\n")
    await session.wait_for_index(2)
    assert await search(session, "second egg") == ["new.py"]


async def test_unsaved_text_is_found_as_it_stands_in_the_editor(start: Start) -> None:
    session = await start()
    path = session.write("nest.py", "def build(twig):\n    return twig\n")
    await session.initialize()
    await session.wait_for_index(1)
    session.open(path.as_uri(), "def feather(soft):\n    return soft\n")
    assert await search(session, "feather soft") == ["nest.py"]


async def test_settings_change_without_a_restart(start: Start) -> None:
    session = await start(reply="42")
    await session.initialize()
    uri = session.open("untitled:1", "answer = \n")
    assert await session.list_suggestions(uri, 0, 9) == ["42"]
    off = {"starling": {"completion": {"languagesOff": ["python"]}}}
    session.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(off))
    await session.wait_for_status(lambda status: status["state"] == "ready")
    while await session.list_suggestions(uri, 0, 9):
        pass
    session.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({"starling": {}}))
    while not await session.list_suggestions(uri, 0, 9):
        pass


async def test_a_wrong_setting_is_named_and_everything_else_works(start: Start) -> None:
    session = await start(reply="42")
    await session.initialize(
        initialization_options={"completion": {"maxTokens": "many"}, "model": {"device": "abacus"}}
    )
    uri = session.open("untitled:1", "answer = \n")
    assert await session.list_suggestions(uri, 0, 9) == ["42"]
    problems = (await session.execute("starling.status"))["problems"]
    assert ["completion.maxTokens" in problems[0], "model.device" in problems[1], len(problems)] == [True, True, 2]
    assert len(session.client.messages) == 2
    assert (await session.execute("starling.health"))["status"] == "degraded"
