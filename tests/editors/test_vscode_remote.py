"""A server with accounts on another machine, in the real VS Code: a login by keys, and what a workspace cannot do."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.editors.remote import run_remote_server
from tests.editors.vscode import Workbench
from tests.wire.remote_servers import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TEXT = "import colorsys\n\nprint(1)\n"


def test_a_person_logs_in_by_keys_and_is_connected(
    tmp_path: Path, extensions: Path, starling_on_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "work"
    (here / ".vscode").mkdir(parents=True)
    (here / "lines.py").write_text(TEXT, encoding="utf-8")
    hostile = {"starling.server.url": "wss://elsewhere.test:1", "starling.server.login": "https://elsewhere.test:2"}
    (here / ".vscode" / "settings.json").write_text(json.dumps(hostile), encoding="utf-8")
    with ExitStack() as running:
        servers = running.enter_context(run_remote_server(tmp_path / "machine", monkeypatch))
        there = servers.folder / "shared" / "team"
        there.mkdir()
        settings = {
            "starling.server.url": f"wss://localhost:{servers.port}",
            "starling.server.login": servers.logins,
            "starling.server.certificates": str(servers.certificate),
            "starling.server.folders": {str(here): str(there)},
        }
        home = tmp_path / "home"
        workbench = running.enter_context(
            Workbench.start(here, home, extensions, settings=settings, path=starling_on_path)
        )
        workbench.wait_for(".notification-toast", "You are not logged in")
        assert len(workbench.read_notifications()) == 1
        workbench.click(".notification-toast .monaco-button", "Log In")
        workbench.wait_for(".quick-input-widget", "Login name")
        workbench.type("ada")
        workbench.press("Enter")
        workbench.wait_for(".quick-input-widget", "Password of ada")
        workbench.type(PASSWORD)
        workbench.press("Enter")
        name = f"localhost:{servers.port}"
        workbench.wait_until("the server's name", lambda: f"ready at {name}" in workbench.read_status())
        workbench.open_file("lines.py")
        workbench.wait_for(".squiggly-warning, .squiggly-hint, .squiggly-info, .squiggly-inline-unnecessary")
        servers.accounts.change("ada", disabled=True)
        workbench.wait_for(".notification-toast", "refuses the login")
        assert sum("refuses" in one for one in workbench.read_notifications()) == 1
        workbench.wait_until("the failure", lambda: "not running" in workbench.read_status())
        workbench.run_command("Starling: Log Out of the Server")
        workbench.wait_until("the end of the connection", lambda: "stopped" in workbench.read_status())
        texts = [one.read_text(errors="replace") for one in home.rglob("*.log")]
        assert any("connect wss://localhost" in one for one in texts)
        assert not any(PASSWORD in one or "elsewhere.test" in one for one in texts)
