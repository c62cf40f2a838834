from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import servers, workspaces
from benchmarks.client import Client, ClientError, TextBuffer, read_items

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Client]:
    with Client(servers.make_echo_command(), folder=tmp_path) as client:
        client.initialize(tmp_path)
        yield client


def test_what_the_client_types_is_what_the_server_has(echo: Client, tmp_path: Path) -> None:
    buffer = TextBuffer(echo, (tmp_path / "a.py").as_uri(), "first\n'🦊' = 1\nlast\n")
    at = buffer.text.index(" = 1")
    buffer.replace(at, at + 4, " == two")
    assert read_items(buffer.ask(at + 7)[1].wait())[0]["insertText"].strip() == "'🦊' == two"
    assert buffer.find_position(at) == {"line": 1, "character": 4}


def test_answers_carry_the_time_they_took(echo: Client, tmp_path: Path) -> None:
    pending = TextBuffer(echo, (tmp_path / "a.py").as_uri(), "x = 1\n").ask(5)[1]
    pending.wait()
    assert 0 < pending.took_ms < 1000 * (pending.done_s - echo.started_s)


def test_an_unknown_request_is_an_error_with_the_servers_words(echo: Client) -> None:
    with pytest.raises(ClientError, match="starling/none"):
        echo.request("starling/none", None).wait()


def test_a_server_that_goes_leaves_no_request_waiting(tmp_path: Path) -> None:
    with Client(servers.make_echo_command(), folder=tmp_path) as client:
        client.initialize(tmp_path)
        client.process.kill()
        with pytest.raises(ClientError):
            client.request("workspace/executeCommand", {"command": "none", "arguments": []}).wait()
    assert client.process.returncode is not None


def test_a_workspace_has_as_many_different_files_as_asked_for(tmp_path: Path) -> None:
    root = workspaces.make_workspace(tmp_path / "workspace", 30)
    contents = {path.read_bytes() for path in root.rglob("*.py") if path.stat().st_size}
    assert len(list(root.rglob("*.py"))) == 30
    assert len(contents) > 20


def test_renaming_is_the_same_everywhere_in_a_file() -> None:
    assert workspaces.rename_identifiers(b"counter = counter + 1", 2).split(b" = ")[0] in workspaces.rename_identifiers(
        b"counter + 1", 2
    )


def test_typing_places_are_lines_of_code_that_stand_in_the_file(tmp_path: Path) -> None:
    root = workspaces.make_workspace(tmp_path / "workspace", 60)
    places = workspaces.choose_typing_places(root, 10)
    assert places == workspaces.choose_typing_places(root, 10)
    for place in places:
        text = place.path.read_bytes().decode("utf-8")
        assert text[place.start :].startswith(place.line + "\n")
