"""Alerts reach the editor of their workspace as messages, unless the person wants none."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from server.assembly.gates import open_state
from server.lsp.editor import alert_messages
from server.state import paths
from server.state.watching.alert_store import Alert, AlertStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.editor import Editor

SENTENCE = "Task 01234567 reached a limit."


def read_messages(editor: Editor) -> list[str]:
    """Return the messages that the editor was told to show."""
    return [one["params"]["message"] for one in editor.sent if one.get("method") == "window/showMessage"]


@pytest.mark.parametrize("wanted", [True, False])
async def test_an_alert_of_a_worker_is_shown_in_the_editor_of_the_workspace(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, wanted: bool
) -> None:
    monkeypatch.setattr(alert_messages, "LOOK_S", 0.01)
    paths.settings_file().parent.mkdir(parents=True)
    paths.settings_file().write_text(f"[team]\nalerts = {str(wanted).lower()}\n")
    looked: list[object] = []
    take = alert_messages.AlertMessages.take
    monkeypatch.setattr(alert_messages.AlertMessages, "take", lambda *given: (looked.append(given), take(*given))[1])
    with closing(open_state()) as state:
        store = AlertStore(state)
        store.add(Alert("file:///other", "limit", "s2", "Not this one."), shown=False)
        store.add(Alert(tmp_path.as_uri(), "limit", "s1", SENTENCE), shown=False)
        await editor.begin(workspaceFolders=[{"uri": tmp_path.as_uri(), "name": "w"}])
        if wanted:
            await editor.until(lambda: read_messages(editor))
            assert read_messages(editor) == [f"Starling: {SENTENCE}"]
        else:
            assert looked == []
            assert store.has_unshown(tmp_path.as_uri())
