"""A real VS Code workbench, driven as a person drives it: keys and clicks go in, what stands on the screen comes out.

The workbench is code-server's; a browser program (`bridge.mjs`) is told what to do line by line. Both come from
`install_vscode.sh`. Start at `Workbench.start`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALLED = Path(os.environ.get("VSCODE_WORKBENCH", REPOSITORY / ".cache" / "vscode"))
PICTURES = REPOSITORY / "editors" / "vscode" / "media"

WAIT_S = 90.0  # for something that must happen; nothing is asserted about how fast
POLL_S = 0.1
GHOST = ".ghost-text-decoration, .ghost-text-decoration-preview, .ghost-text, .suggest-preview-text"
QUIET = {
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.colorTheme": "Default Dark Modern",
    "security.workspace.trust.enabled": False,
    "extensions.ignoreRecommendations": True,
    "telemetry.telemetryLevel": "off",
    "editor.minimap.enabled": False,
    "editor.fontSize": 14,
    "window.commandCenter": False,
    "workbench.layoutControl.enabled": False,
    "files.autoSave": "off",
    "git.enabled": False,
    "editor.quickSuggestions": {"other": "off"},
}


class WorkbenchError(Exception):
    """The workbench did not do what it was told, or not in time."""


@dataclass(frozen=True)
class Workbench:
    """A running workbench.

    Attributes:
        browser: the program that holds the browser.
        data: the folder of its data, logs included.
    """

    browser: subprocess.Popen[str]
    data: Path

    @staticmethod
    @contextmanager
    def start(
        folder: Path,
        home: Path,
        extensions: Path,
        *,
        settings: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        path: str = "",
        keys: Sequence[Mapping[str, object]] = (),
    ) -> Iterator[Workbench]:
        """Open `folder` in a fresh workbench, and end it afterwards.

        Args:
            folder: what to open.
            home: an empty folder for everything that VS Code and Starling keep.
            extensions: the folder of installed extensions.
            settings: the person's settings, beside those that keep the screen quiet.
            environment: more variables.
            path: folder to put first on PATH, where `starling` is.
            keys: key bindings of the person's own.
        """
        data = home / "data"
        (data / "User").mkdir(parents=True, exist_ok=True)
        (data / "User" / "settings.json").write_text(json.dumps({**QUIET, **(settings or {})}), encoding="utf-8")
        (data / "User" / "keybindings.json").write_text(json.dumps(list(keys)), encoding="utf-8")
        variables = {**os.environ, "HOME": str(home), "STARLING_HOME": str(home / "starling"), **(environment or {})}
        variables["VSCODE_CLI"] = "1"  # or it would ask a login shell for the PATH
        variables["PATH"] = os.pathsep.join(filter(None, (path, variables.get("PATH", ""))))
        port = _free_port()
        log = (home / "serve.log").open("w", encoding="utf-8")
        command = [str(INSTALLED / "serve"), str(port), str(data), str(extensions)]
        serving = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        node, playwright = INSTALLED / "node" / "bin" / "node", INSTALLED / "node_modules" / "playwright-core"
        chromium = shutil.which("chromium") or "chromium"
        browser = subprocess.Popen(
            [str(node), str(Path(__file__).parent / "bridge.mjs"), str(playwright), chromium],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        workbench = Workbench(browser, data)
        try:
            _wait_for_port(port)
            workbench.do("open", url=f"http://127.0.0.1:{port}/?folder={folder}")
            workbench.wait(".monaco-workbench .statusbar")
            yield workbench
        finally:
            assert browser.stdin is not None
            assert browser.stdout is not None
            browser.stdin.close()
            _ended(browser)
            browser.stdout.close()
            serving.terminate()
            _ended(serving)
            log.close()

    # What a person does

    def open(self, name: str) -> None:
        """Open a file by its name, and put the cursor into it."""
        self.press("Control+p")
        self.wait(".quick-input-widget input")
        self.type(name)
        self.wait(".quick-input-list .monaco-list-row", name)
        self.press("Enter")
        self.wait(".tab.active", name)
        self.click(".editor-instance .view-lines")

    def command(self, title: str) -> None:
        """Run a command from the palette."""
        self.press("F1")
        self.wait(".quick-input-widget input")
        self.type(title, delay=5)
        self.click(".quick-input-list .monaco-list-row", title)

    def fix(self, title: str) -> None:
        """Choose a code action at the cursor."""
        self.until(f"the action {title!r}", lambda: self._offered(title))
        self.do("move", x=5, y=5)  # VS Code takes no click until the mouse has moved
        self.click(".action-widget .monaco-list-row", title)

    def _offered(self, title: str) -> bool:
        """Whether the menu of code actions has it; a server that has just begun may not know it yet."""
        self.press("Control+.")
        self.wait(".action-widget")
        if any(title in text for text in self.texts(".action-widget .monaco-list-row")):
            return True
        self.press("Escape")
        return False

    def go_to(self, line: int, column: int = 1) -> None:
        """Put the cursor there, both from 1."""
        self.press("Control+g")
        self.wait(".quick-input-widget input")
        self.type(f"{line}:{column}")
        self.press("Enter")
        self.gone(".quick-input-widget input")

    def press(self, keys: str) -> None:
        """Press a key, or several together: `Control+p`."""
        self.do("press", keys=keys)

    def type(self, text: str, delay: int = 30) -> None:
        """Type one character after the other."""
        self.do("type", text=text, delay=delay)

    def click(self, selector: str, text: str | None = None) -> None:
        """Click on the first of what is on the screen."""
        self.do("click", selector=selector, timeout=WAIT_S * 1000, **_text(text))

    # What a person sees

    def wait(self, selector: str, text: str | None = None) -> None:
        """Wait until it is on the screen."""
        self.do("wait", selector=selector, state="visible", timeout=WAIT_S * 1000, **_text(text))

    def gone(self, selector: str, text: str | None = None) -> None:
        """Wait until it is not on the screen."""
        self.do("wait", selector=selector, state="hidden", timeout=WAIT_S * 1000, **_text(text))

    def texts(self, selector: str) -> list[str]:
        """All that is there of it, with plain spaces."""
        return [text.replace("\u00a0", " ") for text in self.do("texts", selector=selector)]

    def until(self, what: str, condition: Any, *, every_s: float = POLL_S) -> Any:
        """Wait until `condition()` is something; a condition that does something itself is given time to show it.

        Raises:
            WorkbenchError: it was nothing all the time.
        """
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(every_s)
        raise WorkbenchError(f"waited {WAIT_S:g} s in vain for {what}\n{self.log()}")

    def ghost(self) -> str:
        """The suggestion on the screen, "" for none."""
        return "".join(self.texts(GHOST))

    def lines(self) -> list[str]:
        """The lines on the screen from the top down, without what is only suggested."""
        selector = ".editor-instance .view-line:not(.suggest-preview-text)"
        found = self.do("textsWithout", selector=selector, without=GHOST)
        return [line.replace("\u00a0", " ") for line in found]

    def status(self) -> str:
        """What Starling's item in the status bar says to a screen reader."""
        return str(
            self.do(
                "attribute",
                selector="[id='starling.starling.starling.status'] a",
                name="aria-label",
                timeout=WAIT_S * 1000,
            )
            or ""
        )

    def page(self) -> str:
        """What a webview holds, as HTML; of several that of the one opened last, "" for none."""
        frames = [text for text in self.do("frames") if "acquireVsCodeApi" in text or "Content-Security-Policy" in text]
        return str(frames[-1]) if frames else ""

    def notifications(self) -> list[str]:
        """The messages on the screen."""
        return self.texts(".notifications-toasts .notification-list-item-message")

    def picture(self, name: str, **clip: int) -> Path:
        """Take a picture of the screen, or a part of it; with PICTURES set those that the README shows are kept."""
        shown = name in (PICTURES.parent / "README.md").read_text(encoding="utf-8")
        path = PICTURES / name if shown and os.environ.get("PICTURES") else self.data.parent / name
        self.do("screenshot", path=str(path), **({"clip": clip} if clip else {}))
        return path

    def log(self) -> str:
        """The end of what Starling's extension wrote into its log."""
        logs = sorted(self.data.rglob("*Starling*.log"))
        return logs[-1].read_text(encoding="utf-8", errors="replace")[-3000:] if logs else "(no log)"

    def do(self, action: str, **given: Any) -> Any:
        """Have the browser do something.

        Raises:
            WorkbenchError: it could not.
        """
        assert self.browser.stdin is not None
        assert self.browser.stdout is not None
        self.browser.stdin.write(json.dumps({"action": action, **given}) + "\n")
        self.browser.stdin.flush()
        answer = json.loads(self.browser.stdout.readline() or '{"error": "the browser is gone"}')
        if "error" in answer:
            if action != "screenshot" and answer["error"] != "the browser is gone":
                self.do("screenshot", path=str(self.data.parent / "failed.png"))
            raise WorkbenchError(f"{action} {given}: {answer['error']}\n{self.log()}")
        return answer["value"]


def _text(text: str | None) -> dict[str, str]:
    return {} if text is None else {"text": text}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(POLL_S)
    raise WorkbenchError("the workbench does not listen")


def _ended(process: subprocess.Popen[Any]) -> None:
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
