"""Alerts of a watched team: which events raise one, and a webhook that gets them over real HTTP."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from agents.ports.task_queue import NewTask, QueuedTask, TaskStatus
from agents.team.events import TurnEnded, TurnStatus
from agents.team.watching.watch import GitTrouble, TaskClaimed, TaskEnded, TurnBegan
from server.assembly.gates import open_state
from server.assembly.team_settings import TeamSettings
from server.assembly.watching.alerts import Alerts
from server.assembly.watching.team_watch import TeamWatch
from server.assembly.watching.webhook import Webhook
from server.lsp.editor.alert_messages import AlertMessages
from server.state.watching.alert_store import Alert, AlertStore
from server.state.watching.metrics_store import Metrics
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.team.watching.watch import WatchedEvent
    from server.state.database import State

TASK = QueuedTask("0123456789ab", NewTask("file:///shop", "class Private: ..."), TaskStatus.RUNNING, 0, 0, 3, "w", "")
PLACE = "file:///home/ann/my%20shop"


class Receiver:
    """An HTTP server on this machine that answers with a status, or not at all; remembers what it was sent."""

    def __init__(self, status: int, location: str = "") -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.released = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.received.append((self.path, json.loads(body)))
                if not status:
                    outer.released.wait(30)
                self.send_response(status or 200)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End the server."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receive(status: int = 200, location: str = "") -> Iterator[Receiver]:
    """Yield a server that takes alerts."""
    receiver = Receiver(status, location)
    try:
        yield receiver
    finally:
        receiver.close()


@pytest.fixture
def state() -> Iterator[State]:
    """Yield a database in memory."""
    opened = make_state(None)
    yield opened
    opened.close()


def raise_by(state: State, *happened: WatchedEvent, webhook: Webhook | None = None) -> tuple[list[Alert], list[str]]:
    """Have a watcher take the events of one session; return the stored alerts, oldest first, and what was told."""
    told: list[str] = []
    store = AlertStore(state)
    watch = TeamWatch(Metrics(state), PLACE, (), Alerts(store, PLACE, webhook, told.append))
    for one in happened:
        watch(TASK.id, one)
    watch.close()
    return list(store.list_newest(PLACE, 100))[::-1], told


def end(status: TurnStatus) -> TurnEnded:
    """Return the end of a turn, with a text that nobody else may get."""
    return TurnEnded(status, "class Private: ...")


@pytest.mark.parametrize(("happened", "kinds"), [
    ((TaskClaimed(TASK), end(TurnStatus.LIMIT), TaskEnded(TASK, "waiting", "", 1)), ["limit"]),
    ((TaskClaimed(TASK), end(TurnStatus.REPEATED), TaskEnded(TASK, "waiting", "", 1)), ["circle"]),
    ((TaskClaimed(TASK), end(TurnStatus.FAILED), TaskEnded(TASK, "again", "", 1)), []),
    ((TaskClaimed(TASK), end(TurnStatus.FAILED), TaskEnded(TASK, "failed", "", 1)), ["error"]),
    ((TaskClaimed(TASK), GitTrouble("class Private: ..."), TaskEnded(TASK, "waiting", "", 1)), ["git"]),
    ((TaskClaimed(TASK), end(TurnStatus.DONE), TaskEnded(TASK, "done", "", 1)), []),
    ((TurnBegan(), end(TurnStatus.CANCELLED)), []),
])  # fmt: skip
def test_a_task_raises_an_alert_for_what_a_person_has_to_know(
    state: State, happened: tuple[WatchedEvent, ...], kinds: list[str]
) -> None:
    found, told = raise_by(state, *happened)
    assert [one.kind for one in found] == kinds
    assert told == [one.text for one in found]
    assert [one.session for one in AlertStore(state).take_unshown(PLACE)] == [TASK.id] * len(kinds)
    for one in found:
        assert "01234567" in one.text
        assert "Private" not in one.text


def test_a_turn_whose_end_the_person_sees_is_stored_and_sent_and_not_shown_again(state: State) -> None:
    with receive() as receiver:
        found, told = raise_by(state, TurnBegan(), end(TurnStatus.REPEATED), webhook=Webhook(receiver.url))
    assert ([one.kind for one in found], told) == (["circle"], [])
    assert AlertStore(state).take_unshown(PLACE) == ()
    assert [body["kind"] for _, body in receiver.received] == ["circle"]


def test_a_webhook_gets_json_without_code_and_paths_once_for_the_same_alert(state: State) -> None:
    with receive() as receiver:
        events = (TaskClaimed(TASK), end(TurnStatus.LIMIT), end(TurnStatus.LIMIT), end(TurnStatus.LIMIT))
        raise_by(state, *events, webhook=Webhook(f"{receiver.url}/hook?key=1"))
    ((path, body),) = receiver.received
    assert path == "/hook?key=1"
    assert body.pop("at").endswith("+00:00")
    assert body == {
        "program": "starling", "kind": "limit", "workspace": "my shop", "session": TASK.id, "task": True,
        "text": "Task 01234567 waits for you; `starling tasks show 01234567` says why.",
    }  # fmt: skip


@pytest.mark.parametrize("status", [307, 404, 500])
def test_a_redirect_is_not_followed_and_a_failure_is_logged_once_without_the_address(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with receive() as other, receive(status, f"{other.url}/stolen") as receiver:
        webhook = Webhook(f"{receiver.url}/secret-path")
        for number in range(3):
            webhook.send({"number": number})
        webhook.wait(20)
        assert [body["number"] for _, body in receiver.received] == [0, 1, 2]
        assert other.received == []
    assert caplog.text.count("could not be sent") == 1
    assert f"status {status}" in caplog.text
    assert "secret-path" not in caplog.text


def test_an_address_that_does_not_answer_is_given_up_and_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    with receive(0) as receiver:
        webhook = Webhook(receiver.url, timeout_s=0.2)
        webhook.send({"number": 0})
        webhook.wait(20)
        assert len(receiver.received) == 1
    assert "no answer in 0.2 s" in caplog.text


def test_an_address_where_nothing_listens_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with receive() as receiver:
        url = receiver.url
    webhook = Webhook(url)
    webhook.send({})
    webhook.wait(20)
    assert caplog.text.count("could not be sent") == 1


@pytest.mark.parametrize("url", ["", "https://hooks.example/x?y=1", "http://127.0.0.1:8080/a", "http://localhost/b"])
def test_alerts_may_be_sent_encrypted_or_to_this_machine(url: str) -> None:
    assert TeamSettings(webhook=url).webhook == url


@pytest.mark.parametrize("url", [
    "http://hooks.example/x", "ftp://hooks.example", "https://ann:pw@hooks.example/", "https://", "hooks", "file:///x",
    "https://a b/", "http://127.0.0.1.example/", "https://h:99999/",
])  # fmt: skip
def test_no_other_address_gets_alerts(url: str) -> None:
    with pytest.raises(ValidationError, match="webhook"):
        TeamSettings(webhook=url)


def test_an_editor_shows_an_alert_of_its_folder_once_and_sums_many_up(tmp_path: Path) -> None:
    messages, root = AlertMessages(), tmp_path
    assert messages.take([root]) == []
    store = AlertStore(open_state())
    for number in range(5):
        store.add(Alert(root.as_uri(), "limit", f"s{number}", f"Task {number} reached a limit."), shown=False)
    store.add(Alert("file:///other", "limit", "s9", "Not this one."), shown=False)
    assert messages.take([root]) == [
        "Task 0 reached a limit.", "Task 1 reached a limit.", "Task 2 reached a limit.",
        "2 more alerts; `starling tasks` lists the tasks that wait for you.",
    ]  # fmt: skip
    assert messages.take([root]) == []
    assert AlertMessages().take([root]) == []
