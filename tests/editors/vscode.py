"""Driver of a real VS Code workbench: sends keys and clicks, and reads the screen.

The workbench is the one of code-server; `bridge.mjs` controls a browser and takes one command per line. Both come from
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

WAIT_S = 90.0  # for something that has to happen; the tests do not check how fast
POLL_S = 0.1
GHOST = ".ghost-text-decoration, .ghost-text-decoration-preview, .ghost-text, .suggest-preview-text"
ENTERS = " >> internal:control=enter-frame >> "
CHAT = f"iframe.webview{ENTERS}#active-frame{ENTERS}"
"""Start of a selector within the only webview on the screen; VS Code puts a frame into a frame."""
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
    """The workbench did not do what a test asked for, or not in time."""


@dataclass(frozen=True)
class Workbench:
    """A running workbench.

    Attributes:
        browser: the program that controls the browser.
        data: the folder of VS Code's data, including logs.
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
        """Open `folder` in a fresh workbench, and end the workbench afterwards.

        Args:
            folder: the folder to open.
            home: an empty folder for all files that VS Code and Starling store.
            extensions: the folder of installed extensions.
            settings: user settings, in addition to those of `QUIET`.
            environment: additional environment variables.
            path: the folder of `starling`, put first on PATH.
            keys: key bindings of the user.
        """
        data = home / "data"
        (data / "User").mkdir(parents=True, exist_ok=True)
        (data / "User" / "settings.json").write_text(json.dumps({**QUIET, **(settings or {})}), encoding="utf-8")
        (data / "User" / "keybindings.json").write_text(json.dumps(list(keys)), encoding="utf-8")
        variables = {**os.environ, "HOME": str(home), "STARLING_HOME": str(home / "starling"), **(environment or {})}
        variables["VSCODE_CLI"] = "1"  # otherwise VS Code would read the PATH from a login shell
        variables["PATH"] = os.pathsep.join(filter(None, (path, variables.get("PATH", ""))))
        port = _find_free_port()
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
            workbench.send("open", url=f"http://127.0.0.1:{port}/?folder={folder}")
            workbench.wait_for(".monaco-workbench .statusbar")
            yield workbench
        finally:
            assert browser.stdin is not None
            assert browser.stdout is not None
            browser.stdin.close()
            _wait_or_kill(browser)
            browser.stdout.close()
            serving.terminate()
            _wait_or_kill(serving)
            log.close()

    # What a person does

    def open_file(self, name: str) -> None:
        """Open a file by its name, and put the cursor into its editor."""
        self.press("Control+p")
        self.wait_for(".quick-input-widget input")
        self.type(name)
        self.wait_for(".quick-input-list .monaco-list-row", name)
        self.press("Enter")
        self.wait_for(".tab.active", name)
        self.click(".editor-instance .view-lines")

    def run_command(self, title: str) -> None:
        """Run a command of the palette by its title."""
        self.press("F1")
        self.wait_for(".quick-input-widget input")
        self.type(title, delay=5)
        self.click(".quick-input-list .monaco-list-row", title)

    def apply_code_action(self, title: str) -> None:
        """Choose a code action at the cursor by its title."""
        self.wait_until(f"the action {title!r}", lambda: self._is_offered(title))
        self.send("move", x=5, y=5)  # VS Code ignores clicks until the mouse has moved
        self.click(".action-widget .monaco-list-row", title)

    def _is_offered(self, title: str) -> bool:
        """Whether the menu of code actions has the title; closes the menu if not."""
        self.press("Control+.")
        self.wait_for(".action-widget")
        if any(title in text for text in self.read_texts(".action-widget .monaco-list-row")):
            return True
        self.press("Escape")
        return False

    def go_to(self, line: int, column: int = 1) -> None:
        """Put the cursor at a line and column; both count from 1."""
        self.press("Control+g")
        self.wait_for(".quick-input-widget input")
        self.type(f"{line}:{column}")
        self.press("Enter")
        self.wait_until_gone(".quick-input-widget input")

    def press(self, keys: str) -> None:
        """Press a key, or several together: `Control+p`."""
        self.send("press", keys=keys)

    def type(self, text: str, delay: int = 30) -> None:
        """Type one character after the other, with `delay` milliseconds between them."""
        self.send("type", text=text, delay=delay)

    def click(self, selector: str, text: str | None = None) -> None:
        """Click on the first element that matches `selector` and holds `text`."""
        self.send("click", selector=selector, timeout=WAIT_S * 1000, **_filter_by_text(text))

    # What a person sees

    def wait_for(self, selector: str, text: str | None = None) -> None:
        """Wait until an element that matches `selector` and holds `text` is on the screen."""
        self.send("wait", selector=selector, state="visible", timeout=WAIT_S * 1000, **_filter_by_text(text))

    def wait_until_gone(self, selector: str, text: str | None = None) -> None:
        """Wait until no element that matches `selector` and holds `text` is on the screen."""
        self.send("wait", selector=selector, state="hidden", timeout=WAIT_S * 1000, **_filter_by_text(text))

    def read_texts(self, selector: str) -> list[str]:
        """Return the texts of all elements that match `selector`, with plain spaces."""
        return [text.replace("\u00a0", " ") for text in self.send("texts", selector=selector)]

    def wait_until(self, description: str, condition: Any, *, every_s: float = POLL_S) -> Any:
        """Wait until `condition()` returns a true value, and return that value.

        Args:
            description: what is awaited, for the error message.
            condition: called again and again; may also act on the workbench.
            every_s: pause between two calls.

        Raises:
            WorkbenchError: no value was true before the time was over.
        """
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(every_s)
        raise WorkbenchError(f"waited {WAIT_S:g} s in vain for {description}\n{self.read_log()}")

    def read_suggestion(self) -> str:
        """Return the suggestion on the screen, "" for none."""
        return "".join(self.read_texts(GHOST))

    def read_lines(self) -> list[str]:
        """Return the lines on the screen from the top down, without the text of suggestions."""
        selector = ".editor-instance .view-line:not(.suggest-preview-text)"
        found = self.send("textsWithout", selector=selector, without=GHOST)
        return [line.replace("\u00a0", " ") for line in found]

    def read_decorations(self) -> list[str]:
        """Return the texts that decorations add to the lines on the screen, from the top down, with plain spaces."""
        found = self.send("decorations", selector=".editor-instance .view-line span")
        return [text.replace("\u00a0", " ") for text in found]

    def read_status(self) -> str:
        """Return the text of Starling's item in the status bar for screen readers."""
        return str(
            self.send(
                "attribute",
                selector="[id='starling.starling.starling.status'] a",
                name="aria-label",
                timeout=WAIT_S * 1000,
            )
            or ""
        )

    def read_page(self) -> str:
        """Return the HTML of the webview that was opened last, "" if there is none."""
        frames = [
            text for text in self.send("frames") if "acquireVsCodeApi" in text or "Content-Security-Policy" in text
        ]
        return str(frames[-1]) if frames else ""

    def read_notifications(self) -> list[str]:
        """Return the messages on the screen."""
        return self.read_texts(".notifications-toasts .notification-list-item-message")

    def take_picture(self, name: str, **clip: int) -> Path:
        """Save a picture of the screen, or of the part `clip`, and return its path.

        If the environment variable PICTURES is set, a picture that the README shows replaces the one in the repository.
        """
        shown = name in (PICTURES.parent / "README.md").read_text(encoding="utf-8")
        path = PICTURES / name if shown and os.environ.get("PICTURES") else self.data.parent / name
        self.send("screenshot", path=str(path), **({"clip": clip} if clip else {}))
        return path

    def read_log(self) -> str:
        """Return the end of the log of Starling's extension."""
        logs = sorted(self.data.rglob("*Starling*.log"))
        return logs[-1].read_text(encoding="utf-8", errors="replace")[-3000:] if logs else "(no log)"

    def send(self, action: str, **given: Any) -> Any:
        """Have the browser carry out an action of `bridge.mjs`, and return the result.

        Raises:
            WorkbenchError: the action failed; a picture of the screen is saved beside the data.
        """
        assert self.browser.stdin is not None
        assert self.browser.stdout is not None
        self.browser.stdin.write(json.dumps({"action": action, **given}) + "\n")
        self.browser.stdin.flush()
        answer = json.loads(self.browser.stdout.readline() or '{"error": "the browser has ended"}')
        if "error" in answer:
            if action != "screenshot" and answer["error"] != "the browser has ended":
                self.send("screenshot", path=str(self.data.parent / "failed.png"))
            raise WorkbenchError(f"{action} {given}: {answer['error']}\n{self.read_log()}")
        return answer["value"]


def _filter_by_text(text: str | None) -> dict[str, str]:
    """Return the argument of an action that selects elements with `text`; {} for None, which selects all."""
    return {} if text is None else {"text": text}


def _find_free_port() -> int:
    """Return a port of the loopback interface that nobody uses at this moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for_port(port: int) -> None:
    """Wait until the workbench answers on `port`.

    Raises:
        WorkbenchError: it did not answer in time.
    """
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(POLL_S)
    raise WorkbenchError("the workbench does not answer")


def _wait_or_kill(process: subprocess.Popen[Any]) -> None:
    """Wait 20 s for the end of `process`, then kill it."""
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
