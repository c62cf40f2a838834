"""Folders of two machines: which fields of messages are mapped, how, and what a server cannot reach."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from lsprotocol import types

from server.lsp.serving.uri_maps import URI_FIELDS, MapError, OutsideError, parse_maps

HERE, THERE = "file:///home/ada/code", "file:///srv/code"
MAPS = parse_maps(["/home/ada/code=/srv/code", "/home/ada/code/lib/=/opt/lib", "/home/ada/a b=/srv/ä=b"])
WINDOWS = parse_maps(["C:\\Users\\Ada\\code=/srv/code", "\\\\Files\\share\\x=/srv/x"])


def to_server(message: object, maps: Any = MAPS) -> Any:
    return json.loads(maps.map_to_server(json.dumps(message).encode()))


def to_editor(message: object, maps: Any = MAPS) -> Any:
    return json.loads(maps.map_to_editor(json.dumps(message).encode()))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("file:///home/ada/code", "file:///srv/code"),
        ("file:///home/ada/code/", "file:///srv/code/"),
        ("file:///home/ada/code/a.py", "file:///srv/code/a.py"),
        ("file:///home/ada/code/a%20%C3%A4%23.py", "file:///srv/code/a%20%C3%A4%23.py"),
        ("file:///home/ada/code/lib/b.py", "file:///opt/lib/b.py"),
        ("file:///home/ada/code/libs/b.py", "file:///srv/code/libs/b.py"),
        ("file:///home/ada/a%20b/c.py", "file:///srv/%C3%A4%3Db/c.py"),
    ],
)
def test_uris_are_mapped_in_both_directions(here: str, there: str) -> None:
    assert to_server({"uri": here}) == {"uri": there}
    assert to_editor({"uri": there}) == {"uri": here}


def test_spellings_of_the_same_folder_are_mapped() -> None:
    for uri in ("FILE:///home/ada/code/a.py", "file:/home/ada/code/a.py", "file://localhost/home/%61da/code/a.py"):
        assert to_server({"uri": uri}) == {"uri": f"{THERE}/a.py"}
    for uri in ("file:///C:/Users/Ada/code/a.py", "file:///c%3A/users/ada/Code/a.py"):
        assert to_server({"uri": uri}, WINDOWS) == {"uri": f"{THERE}/a.py"}
    assert to_editor({"uri": f"{THERE}/a.py"}, WINDOWS) == {"uri": "file:///C:/Users/Ada/code/a.py"}
    assert to_server({"uri": "file://files/share/x/a.py"}, WINDOWS) == {"uri": "file:///srv/x/a.py"}
    assert to_editor({"uri": "file:///srv/x/a.py"}, WINDOWS) == {"uri": "file://files/share/x/a.py"}


def test_other_uris_are_left_as_they_are() -> None:
    for uri in (
        "file:///home/ada/codex/a.py", "file:///home/ada", "file:///Home/ada/code/a.py", "file://host/home/ada/code/a",
        "https://example.org/home/ada/code", "untitled:/home/ada/code/a.py", "", "file:", "file:///home/ada/code/../x",
    ):  # fmt: skip
        assert to_server({"uri": uri}) == {"uri": uri}
    for uri in ("file:///srv/codex/a.py", "file:///etc/hosts", "starling-diff:/srv/code/a.py"):
        assert to_editor({"uri": uri}) == {"uri": uri}


def test_every_field_of_the_protocol_with_a_uri_is_mapped() -> None:
    records = [one for one in vars(types).values() if isinstance(one, type) and attrs.has(one)]
    named = {field.name for one in records for field in attrs.fields(one) if field.name.endswith(("uri", "uris"))}
    for name in named:
        first, *rest = name.split("_")
        assert first + "".join(part.capitalize() for part in rest) in URI_FIELDS, name


def test_fields_are_mapped_wherever_they_are_and_texts_never() -> None:
    message = {
        "params": {
            "rootUri": HERE, "rootPath": "/home/ada/code", "workspaceFolders": [{"uri": HERE, "name": HERE}],
            "edit": {
                "changes": {f"{HERE}/a.py": [{"newText": f"{HERE}/a.py"}]},
                "documentChanges": [
                    {"textDocument": {"uri": f"{HERE}/a.py", "version": 1}, "edits": [{"newText": HERE}]},
                    {"kind": "rename", "oldUri": f"{HERE}/a.py", "newUri": f"{HERE}/b.py"},
                ],
            },
            "arguments": [{"uri": f"{HERE}/a.py", "query": HERE, "uris": [HERE], "paths": ["/home/ada/code/a"]}],
            "changes": [{"uri": f"{HERE}/a.py", "type": 1}],
            "data": {"uri": HERE},
            "text": f"{HERE}/a.py",
        },
    }  # fmt: skip
    mapped = json.loads(json.dumps(message).replace(HERE, THERE).replace("/home/ada/code", "/srv/code"))
    params, mapped_params = message["params"], mapped["params"]
    mapped_params["workspaceFolders"][0]["name"] = HERE
    mapped_params["edit"]["changes"][f"{THERE}/a.py"][0]["newText"] = f"{HERE}/a.py"
    mapped_params["edit"]["documentChanges"][0]["edits"][0]["newText"] = HERE
    mapped_params["arguments"][0]["query"] = HERE
    mapped_params["data"], mapped_params["text"] = params["data"], params["text"]
    assert to_server(message) == mapped
    assert to_editor(to_server(message)) == message


@pytest.mark.parametrize(
    "path",
    [
        "/srv/code/../../etc/passwd", "/srv/code/%2e%2e/%2E%2e/etc", "/srv/code/a/..%2f..%2fx", "/srv/code/..%5C..%5Cx",
        "/srv/code\\..\\x", "/srv/code/..", "/srv/code/a?/../../x", "/elsewhere/../home/ada/.profile",
    ],
)  # fmt: skip
def test_a_server_cannot_leave_a_folder_by_dots(path: str) -> None:
    for maps in (MAPS, WINDOWS):
        for message in ({"uri": f"file://{path}"}, {"changes": {f"file://{path}": []}}, {"uris": [f"file:{path}"]}):
            with pytest.raises(OutsideError):
                to_editor({"params": [message]}, maps)
    assert to_editor({"uri": f"{THERE}/a..b/...py"}) == {"uri": f"{HERE}/a..b/...py"}
    with pytest.raises(OutsideError):
        to_editor({"path": "/srv/code/../../etc/passwd"})


def test_paths_of_commands_are_mapped() -> None:
    assert to_editor({"path": "/srv/code/a.py"}) == {"path": "/home/ada/code/a.py"}
    assert to_editor({"path": "/srv/code/b/a.py"}, WINDOWS) == {"path": "C:\\Users\\Ada\\code\\b\\a.py"}
    assert to_server({"paths": ["c:\\users\\ADA\\code\\b\\a.py"]}, WINDOWS) == {"paths": ["/srv/code/b/a.py"]}
    assert to_server({"path": "a.py"}) == {"path": "a.py"}


def test_bodies_that_are_no_messages() -> None:
    deep = b"[" * 100_000
    for body in (b"", b"x", b"[1]", b'"file:///home/ada/code"', deep):
        assert MAPS.map_to_server(body) == body
    for body in (b"x", deep):
        with pytest.raises(OutsideError):
            MAPS.map_to_editor(body)
    assert parse_maps([]).map_to_editor(b"x") == b"x"


@pytest.mark.parametrize("text", ["", "a", "/a", "a=/b", "/a=b", "/=/b", "/a/..=/b", "/a=/b=/c", "C:a=/b", "\\\\h=/b"])
def test_other_maps_are_refused(text: str) -> None:
    with pytest.raises(MapError):
        parse_maps([text])


def test_a_folder_is_mapped_once() -> None:
    for texts in (["/a=/b", "/a/=/c"], ["/a=/c", "/b=/c"]):
        with pytest.raises(MapError, match="twice"):
            parse_maps(texts)
