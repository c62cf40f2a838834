"""Alerts about the team: stored once, told on the terminal, sent to a webhook; editors show what is stored.

An alert is a sentence of Starling's own words, without code, paths and requests. Start at `Alerts.raise_alert`.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import unquote

from agents.ports.failures import StateError
from indexing.workspace.secrets.literals import replace_secrets
from server.state.watching.alert_store import Alert

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.assembly.watching.webhook import Webhook
    from server.state.watching.alert_store import AlertStore

logger = logging.getLogger(__name__)

ID_LENGTH = 8
HIDDEN = "..."


class AlertKind(StrEnum):
    """Kind of an alert."""

    ERROR = "error"  # a task has failed for good, or a turn
    CIRCLE = "circle"  # an agent repeated itself and was stopped
    LIMIT = "limit"  # a limit of steps, tokens, time or cost was reached
    GIT = "git"


_TASK = {
    AlertKind.ERROR: "Task {id} failed in its last attempt; `starling tasks show {id}` says why.",
    AlertKind.CIRCLE: "Task {id} went in circles and was stopped; `starling tasks show {id}` says where it is.",
    AlertKind.LIMIT: "Task {id} waits for you; `starling tasks show {id}` says why.",
    AlertKind.GIT: "Git could not be used for task {id}; `starling tasks show {id}` says why.",
}
_SESSION = {
    AlertKind.ERROR: "A request in session {id} failed; `starling sessions export {id}` shows it.",
    AlertKind.CIRCLE: "The agent in session {id} went in circles and was stopped.",
    AlertKind.LIMIT: "A request in session {id} reached a limit.",
    AlertKind.GIT: "Git could not be used in session {id}.",
}


@dataclass(frozen=True, slots=True)
class Alerts:
    """The alerts of one workspace.

    Attributes:
        store: the table.
        workspace: the workspace, as a URI.
        webhook: gets each alert; None for none.
        tell: shows a sentence on the terminal of a worker.
    """

    store: AlertStore
    workspace: str
    webhook: Webhook | None = None
    tell: Callable[[str], None] = lambda _: None

    def raise_alert(self, kind: AlertKind, session: str, *, task: bool) -> None:
        """Store an alert; unless the same was raised lately, log it, show it on the terminal, send it to the webhook.

        Shows only alerts about tasks on the terminal. If the alert cannot be stored, logs that and goes on. Blocking.

        Args:
            kind: the kind.
            session: id of the session or task.
            task: whether it is about a queued task; else the person sees the end of the turn, and no editor shows it.
        """
        text = (_TASK if task else _SESSION)[kind].format(id=session[:ID_LENGTH])
        try:
            is_new = self.store.add(Alert(self.workspace, kind, session, text), shown=not task)
        except StateError as error:
            logger.warning("an alert could not be stored: %s", error)
            is_new = True
        if not is_new:
            return
        logger.info("%s", text, extra={"session": session, "kind": kind.value})
        if task:
            self.tell(text)
        if self.webhook is not None:
            folder = replace_secrets(unquote(self.workspace.rstrip("/").rpartition("/")[2]), HIDDEN)
            at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            self.webhook.send({
                "program": "starling", "kind": kind.value, "workspace": folder, "session": session, "task": task,
                "text": text, "at": at,
            })  # fmt: skip

    def close(self) -> None:
        """Wait until the webhook has sent all alerts, as long as `Webhook.wait` does."""
        if self.webhook is not None:
            self.webhook.wait()
