"""The table of alerts about the team, which several processes raise and an editor or a terminal shows once.

An alert of the same kind about the same session within `SAME_S` is the same one: it is counted, and told only once.
At most `MOST_AN_HOUR` of a workspace are told in an hour. Alerts are kept for `KEPT_S`. Blocking.
Start at `AlertStore.add`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing.workspace.secrets.literals import replace_secrets
from server.state.database import Area
from server.state.statements import PLACEHOLDER, make_storable

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.state.database import State

SAME_S = 3600.0
HOUR_S = 3600.0
MOST_AN_HOUR = 20
KEPT_S = 30 * 24 * 3600.0
MOST_KEPT = 1000
FRESH_S = 24 * 3600.0
"""Age up to which an alert that nobody has seen is still shown."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes:
        workspace: the workspace, as a URI.
        kind: "error", "circle", "limit" or "git".
        session: id of the session or task that it is about.
        text: a sentence for a person, without code.
        number: how often it was raised.
        at: when it was raised first, seconds since the epoch.
    """

    workspace: str
    kind: str
    session: str
    text: str
    number: int = 1
    at: float = 0.0


class AlertStore:
    """The table of alerts.

    Args:
        state: the state database.
        clock: returns the seconds since the epoch.
    """

    def __init__(self, state: State, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock

    def add(self, alert: Alert, *, shown: bool) -> bool:
        """Store `alert`, or count it if the same one was raised within `SAME_S`; return whether to tell a person now.

        That is so for a new alert, up to `MOST_AN_HOUR` of a workspace in an hour. No editor shows a new
        alert beyond that, nor one that is added with `shown`, because the person sees its cause already.
        """
        now, place, session = self._clock(), make_storable(alert.workspace), make_storable(alert.session)
        with self._state.transaction(Area.FIGURES) as connection:
            connection.execute(
                "DELETE FROM team_alerts WHERE begun < ? OR id <= (SELECT max(id) FROM team_alerts) + 1 - ?",
                (now - KEPT_S, MOST_KEPT),
            )
            row = connection.execute(
                "SELECT id FROM team_alerts WHERE workspace = ? AND kind = ? AND session = ? AND changed > ?",
                (place, alert.kind, session, now - SAME_S),
            ).fetchone()
            if row is not None:
                connection.execute(
                    "UPDATE team_alerts SET number = number + 1, changed = ? WHERE id = ?", (now, row[0])
                )
                return False
            query = "SELECT count(*) FROM team_alerts WHERE workspace = ? AND begun > ?"
            told = connection.execute(query, (place, now - HOUR_S)).fetchone()[0] < MOST_AN_HOUR
            connection.execute(
                "INSERT INTO team_alerts (workspace, kind, session, content, number, begun, changed, shown)"
                " VALUES (?, ?, ?, ?, 1, ?, ?, ?)",
                (place, alert.kind, session, make_storable(replace_secrets(alert.text, PLACEHOLDER)), now, now,
                 int(shown or not told)),
            )  # fmt: skip
            return bool(told)

    def has_unshown(self, workspace: str) -> bool:
        """Return whether `workspace` has an alert that is not marked as shown."""
        query = "SELECT 1 FROM team_alerts WHERE workspace = ? AND shown = 0 LIMIT 1"
        with self._state.use_connection() as connection:
            return connection.execute(query, (make_storable(workspace),)).fetchone() is not None

    def take_unshown(self, workspace: str) -> tuple[Alert, ...]:
        """Return the alerts of `workspace` that are not marked as shown, oldest first, and mark them as shown.

        Alerts that are older than `FRESH_S` are marked as shown, and not returned.
        """
        place, oldest = make_storable(workspace), self._clock() - FRESH_S
        with self._state.transaction(Area.FIGURES) as connection:
            rows = connection.execute(
                "SELECT workspace, kind, session, content, number, begun FROM team_alerts"
                " WHERE workspace = ? AND shown = 0 AND begun > ? ORDER BY id",
                (place, oldest),
            ).fetchall()
            connection.execute("UPDATE team_alerts SET shown = 1 WHERE workspace = ? AND shown = 0", (place,))
        return tuple(Alert(*row) for row in rows)

    def list_newest(self, workspace: str, limit: int) -> tuple[Alert, ...]:
        """Return up to `limit` alerts of `workspace`, newest first."""
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT workspace, kind, session, content, number, begun FROM team_alerts WHERE workspace = ?"
                " ORDER BY id DESC LIMIT ?",
                (make_storable(workspace), limit),
            ).fetchall()
        return tuple(Alert(*row) for row in rows)
