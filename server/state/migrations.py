"""The tables of the state database, as numbered steps that only add, written once for SQLite and PostgreSQL.

Step n brings a database from version n - 1 to n. A step that was released is never changed: what changes is a new step
at the end. Words in braces are the few places where the databases differ (`Dialect`). Times are seconds since the
epoch, durations seconds; truth values are 0 or 1. Start at `STEPS` and `migrate`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.state.statements import Connection


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words in which the statements for SQLite and PostgreSQL differ, for one of both.

    Attributes:
        serial: type of a primary key that is numbered automatically.
        data: type of a column of bytes.
        text: type of a column of text, which is ordered by code points.
        keyed: end of the statement for a table that is stored in the order of its primary key.
        prepare: statement that creates the table of the version, "" if the database needs none.
        read_version: query for the version; no row, or 0, for a new database.
        write_version: statement that sets the version to {version}.
        keep_numbers: words of an INSERT that gives numbers to a primary key that is numbered automatically.
        go_on: query that lets the numbers of the column `id` of {table} go on after its greatest, "" if none is needed.
    """

    serial: str
    data: str
    text: str
    keyed: str
    prepare: str
    read_version: str
    write_version: str
    keep_numbers: str
    go_on: str

    def render(self, statement: str) -> str:
        """Return `statement` with the words in braces, and the type TEXT, replaced."""
        words = statement.format(serial=self.serial, data=self.data, keyed=self.keyed)
        return re.sub(r"\bTEXT\b", lambda _: self.text, words)


SQLITE = Dialect(
    serial="INTEGER PRIMARY KEY AUTOINCREMENT",
    data="BLOB",
    text="TEXT",
    keyed=" WITHOUT ROWID",
    prepare="",
    read_version="PRAGMA user_version",
    write_version="PRAGMA user_version = {version}",
    keep_numbers="",
    go_on="",  # SQLite has seen the numbers
)
POSTGRESQL = Dialect(
    serial="BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    data="BYTEA",
    text='TEXT COLLATE "C"',
    keyed="",
    prepare="CREATE TABLE IF NOT EXISTS starling (one INTEGER PRIMARY KEY, version INTEGER NOT NULL)",
    read_version="SELECT version FROM starling",
    write_version="INSERT INTO starling VALUES (1, {version}) ON CONFLICT (one) DO UPDATE SET version = {version}",
    keep_numbers=" OVERRIDING SYSTEM VALUE",
    go_on="SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))",
)

_GATE = (
    # `server.state.requests`
    """CREATE TABLE requests (
        id TEXT NOT NULL PRIMARY KEY, created DOUBLE PRECISION NOT NULL,
        host TEXT NOT NULL, pid BIGINT NOT NULL, begun DOUBLE PRECISION NOT NULL,
        client TEXT NOT NULL, tool TEXT NOT NULL, title TEXT NOT NULL, why TEXT NOT NULL,
        proposer TEXT NOT NULL, model TEXT NOT NULL, task TEXT NOT NULL,
        subjects TEXT NOT NULL, diff TEXT NOT NULL, warnings TEXT NOT NULL,
        status TEXT NOT NULL, verdict TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
        answer TEXT NOT NULL DEFAULT '', asked DOUBLE PRECISION, answer_s DOUBLE PRECISION,
        checkpoint TEXT NOT NULL DEFAULT ''
    ){keyed}""",
    "CREATE INDEX requests_by_time ON requests (created)",
    "CREATE INDEX requests_by_asking ON requests (asked)",
    "CREATE INDEX requests_by_status ON requests (status)",
    # `server.state.audit_log`
    """CREATE TABLE audit (
        id {serial}, at DOUBLE PRECISION NOT NULL, request TEXT NOT NULL,
        who TEXT NOT NULL, client TEXT NOT NULL, proposer TEXT NOT NULL, model TEXT NOT NULL,
        tool TEXT NOT NULL, title TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, target TEXT NOT NULL,
        hash_before TEXT NOT NULL, hash_after TEXT NOT NULL, written INTEGER NOT NULL,
        answer TEXT NOT NULL, answer_s DOUBLE PRECISION, verdict TEXT NOT NULL, reason TEXT NOT NULL
    )""",
    "CREATE INDEX audit_by_time ON audit (at)",
    # `server.state.checkpoints`
    """CREATE TABLE checkpoints (
        id TEXT NOT NULL PRIMARY KEY, request TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, title TEXT NOT NULL,
        settled INTEGER NOT NULL, undoes TEXT NOT NULL, undone_by TEXT NOT NULL DEFAULT '', bytes BIGINT NOT NULL
    ){keyed}""",
    "CREATE INDEX checkpoints_by_time ON checkpoints (created)",
    """CREATE TABLE checkpoint_files (
        checkpoint TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, uri TEXT NOT NULL,
        path TEXT NOT NULL, target TEXT NOT NULL, encoding TEXT NOT NULL, executable INTEGER NOT NULL,
        before {data} NOT NULL, after {data} NOT NULL, PRIMARY KEY (checkpoint, number)
    )""",
)

_WORKFLOWS = (
    # `server.state.history.workflow_records`; `rounds` is JSON
    """CREATE TABLE workflows (
        id TEXT NOT NULL PRIMARY KEY, at DOUBLE PRECISION NOT NULL, uri TEXT NOT NULL, task TEXT NOT NULL,
        model TEXT NOT NULL, rounds TEXT NOT NULL, best INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
        seconds DOUBLE PRECISION NOT NULL, proposal TEXT NOT NULL
    ){keyed}""",
    "CREATE INDEX workflows_by_time ON workflows (at)",
)

_COSTS = (
    # `server.state.cost_ledger`; `day` is the machine's own date, `cost` that of the calls with a known price
    """CREATE TABLE costs (
        day TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL, role TEXT NOT NULL,
        answers BIGINT NOT NULL, failures BIGINT NOT NULL, requests BIGINT NOT NULL,
        prompt_tokens BIGINT NOT NULL, answer_tokens BIGINT NOT NULL, cached_tokens BIGINT NOT NULL,
        estimated BIGINT NOT NULL, cost DOUBLE PRECISION NOT NULL, unpriced BIGINT NOT NULL,
        PRIMARY KEY (day, endpoint, model, role)
    ){keyed}""",
)

_ATTRIBUTES = (
    # what a file had beside its text: JSON, '' where it is not known
    "ALTER TABLE checkpoint_files ADD COLUMN attributes TEXT NOT NULL DEFAULT ''",
)

_SESSIONS = (
    # `server.state.session_store`; `owner` holds the lease until `leased`
    """CREATE TABLE sessions (
        id TEXT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, title TEXT NOT NULL, role TEXT NOT NULL,
        state TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, changed DOUBLE PRECISION NOT NULL,
        owner TEXT NOT NULL DEFAULT '', leased DOUBLE PRECISION NOT NULL DEFAULT 0, entries INTEGER NOT NULL DEFAULT 0
    ){keyed}""",
    "CREATE INDEX sessions_by_change ON sessions (workspace, changed)",
    """CREATE TABLE session_entries (
        session TEXT NOT NULL, number INTEGER NOT NULL, at DOUBLE PRECISION NOT NULL, kind TEXT NOT NULL,
        origin TEXT NOT NULL, content TEXT NOT NULL, details TEXT NOT NULL, PRIMARY KEY (session, number)
    )""",
)

_MEMORY = (
    # `server.state.memory_store`
    """CREATE TABLE agent_memory (
        workspace TEXT NOT NULL, agent TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, source TEXT NOT NULL,
        origin TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, changed DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (workspace, agent, name)
    ){keyed}""",
    "CREATE INDEX agent_memory_by_change ON agent_memory (workspace, changed)",
    """CREATE TABLE activity_logs (
        id {serial}, workspace TEXT NOT NULL, agent TEXT NOT NULL, activity TEXT NOT NULL, details TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL
    )""",
    "CREATE INDEX activity_logs_by_time ON activity_logs (at)",
    """CREATE TABLE decision_history (
        id {serial}, workspace TEXT NOT NULL, agent TEXT NOT NULL, kind TEXT NOT NULL, question TEXT NOT NULL,
        verdict TEXT NOT NULL, details TEXT NOT NULL, at DOUBLE PRECISION NOT NULL
    )""",
    "CREATE INDEX decision_history_by_workspace ON decision_history (workspace)",
)

_TASK_QUEUE = (
    # `server.state.task_store`; `name` is the key of `agents.ports.task_queue.NewTask`, NULL for none
    """CREATE TABLE queued_tasks (
        id TEXT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, title TEXT NOT NULL, details TEXT NOT NULL,
        role TEXT NOT NULL, priority INTEGER NOT NULL, deadline DOUBLE PRECISION, parent TEXT NOT NULL,
        name TEXT UNIQUE, status TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, changed DOUBLE PRECISION NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, worker TEXT NOT NULL DEFAULT '',
        renewed DOUBLE PRECISION NOT NULL DEFAULT 0, result TEXT NOT NULL DEFAULT ''
    ){keyed}""",
    "CREATE INDEX queued_tasks_by_status ON queued_tasks (workspace, status)",
    """CREATE TABLE queued_task_needs (
        task TEXT NOT NULL, need TEXT NOT NULL, PRIMARY KEY (task, need)
    ){keyed}""",
    "CREATE INDEX queued_task_needs_by_need ON queued_task_needs (need)",
)

_FEEDBACK = (
    # `server.state.feedback_store`
    """CREATE TABLE session_feedback (
        session TEXT NOT NULL, number INTEGER NOT NULL, thumb TEXT NOT NULL, comment TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL, PRIMARY KEY (session, number)
    ){keyed}""",
)

_QUESTIONS = (
    # `server.state.requests`: the session and the call that a request comes from, and the request that it asks again
    "ALTER TABLE requests ADD COLUMN session TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE requests ADD COLUMN tool_call TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE requests ADD COLUMN again TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX requests_by_session ON requests (session)",
    # `server.state.kept_proposals`; `content` is compressed JSON
    """CREATE TABLE kept_proposals (
        request TEXT NOT NULL PRIMARY KEY, created DOUBLE PRECISION NOT NULL, bytes BIGINT NOT NULL,
        content {data} NOT NULL
    )""",
)

_TASK_KINDS = (
    # the workflow that does a task, '' for one request; whether agents may change files
    "ALTER TABLE queued_tasks ADD COLUMN workflow TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE queued_tasks ADD COLUMN writes INTEGER NOT NULL DEFAULT 1",
)

_GIVEN_ANSWERS = (
    # `server.state.given_answers`; `answer` is '' while a worker waits for it
    """CREATE TABLE given_answers (
        request TEXT NOT NULL PRIMARY KEY, answer TEXT NOT NULL, client TEXT NOT NULL, at DOUBLE PRECISION NOT NULL
    ){keyed}""",
)

_DECISIONS = (
    # the id of a decision, by which a person names it; '' for those of earlier versions
    "ALTER TABLE decision_history ADD COLUMN identity TEXT NOT NULL DEFAULT ''",
)

_DEPLOYMENTS = (
    # `server.state.history.deployment_store`
    """CREATE TABLE deployments (
        id TEXT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, target TEXT NOT NULL, action TEXT NOT NULL,
        version TEXT NOT NULL, previous TEXT NOT NULL, state TEXT NOT NULL, begun DOUBLE PRECISION NOT NULL,
        ended DOUBLE PRECISION NOT NULL, owner TEXT NOT NULL, content TEXT NOT NULL
    ){keyed}""",
    "CREATE INDEX deployments_by_time ON deployments (workspace, begun)",
)

_METRICS = (
    # `server.state.watching.metrics_store`; `period` is a local date or hour: "2026-11-28", "2026-11-28T14"
    """CREATE TABLE team_metrics (
        period TEXT NOT NULL, kind TEXT NOT NULL, agent TEXT NOT NULL, name TEXT NOT NULL, outcome TEXT NOT NULL,
        number BIGINT NOT NULL, seconds DOUBLE PRECISION NOT NULL, prompt_tokens BIGINT NOT NULL,
        answer_tokens BIGINT NOT NULL, cost DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (period, kind, agent, name, outcome)
    ){keyed}""",
)

_ALERTS = (
    # `server.state.watching.alert_store`
    """CREATE TABLE team_alerts (
        id {serial}, workspace TEXT NOT NULL, kind TEXT NOT NULL, session TEXT NOT NULL, content TEXT NOT NULL,
        number INTEGER NOT NULL, begun DOUBLE PRECISION NOT NULL, changed DOUBLE PRECISION NOT NULL,
        shown INTEGER NOT NULL
    )""",
    "CREATE INDEX team_alerts_by_workspace ON team_alerts (workspace, begun)",
)

_AGENT_QUESTIONS = (
    # a question of an agent in words with its choices (a JSON array), its session and the worker; '' for a request's
    "ALTER TABLE given_answers ADD COLUMN question TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE given_answers ADD COLUMN choices TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE given_answers ADD COLUMN session TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE given_answers ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
)

_BACKGROUND_JOBS = (
    # `server.state.background.schedule_store`; `owner` runs the job since `begun`
    """CREATE TABLE background_jobs (
        workspace TEXT NOT NULL, name TEXT NOT NULL, due DOUBLE PRECISION NOT NULL, begun DOUBLE PRECISION NOT NULL,
        ended DOUBLE PRECISION NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '', owner TEXT NOT NULL,
        PRIMARY KEY (workspace, name)
    ){keyed}""",
    # `server.state.background.proposal_store`; `name` is the key of a proposal, `task` the queued task that it became
    """CREATE TABLE task_proposals (
        id TEXT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        title TEXT NOT NULL, details TEXT NOT NULL, weight DOUBLE PRECISION NOT NULL, workflow TEXT NOT NULL,
        status TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, changed DOUBLE PRECISION NOT NULL,
        task TEXT NOT NULL DEFAULT ''
    )""",
    "CREATE INDEX task_proposals_by_workspace ON task_proposals (workspace, status)",
    # what tasks of the autopilot have used; `day` is the machine's own date
    """CREATE TABLE autopilot_days (
        workspace TEXT NOT NULL, day TEXT NOT NULL, tasks BIGINT NOT NULL, tokens BIGINT NOT NULL,
        cost DOUBLE PRECISION NOT NULL, PRIMARY KEY (workspace, day)
    ){keyed}""",
)

_OPENINGS = (
    # `server.state.session_store`; a client that has a session open, also while it does nothing there
    """CREATE TABLE session_openings (
        session TEXT NOT NULL, owner TEXT NOT NULL, since DOUBLE PRECISION NOT NULL, PRIMARY KEY (session, owner)
    ){keyed}""",
)

_ACCESS = (
    # `server.state.access.account_store`; `proof` is a hash of argon2id, '' for an account of an external issuer
    """CREATE TABLE accounts (
        name TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, role TEXT NOT NULL,
        disabled INTEGER NOT NULL, subject TEXT NOT NULL, proof TEXT NOT NULL, created DOUBLE PRECISION NOT NULL
    ){keyed}""",
    # `server.state.access.key_store`; `ended` is 0 for the current key
    """CREATE TABLE signing_keys (
        id TEXT NOT NULL PRIMARY KEY, private_pem TEXT NOT NULL, created DOUBLE PRECISION NOT NULL,
        ended DOUBLE PRECISION NOT NULL
    ){keyed}""",
    # `server.state.access.refresh_store`; `used` is 0 for a token that was not used
    """CREATE TABLE refresh_tokens (
        digest TEXT NOT NULL PRIMARY KEY, family TEXT NOT NULL, account TEXT NOT NULL,
        begun DOUBLE PRECISION NOT NULL, expires DOUBLE PRECISION NOT NULL, used DOUBLE PRECISION NOT NULL
    ){keyed}""",
    "CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family)",
    "CREATE INDEX refresh_tokens_by_account ON refresh_tokens (account)",
    # `server.state.access.attempt_store`; `name` is a hash, `succeeded` 0 where nobody has logged in
    """CREATE TABLE login_attempts (
        name TEXT NOT NULL, address TEXT NOT NULL, failures BIGINT NOT NULL, last DOUBLE PRECISION NOT NULL,
        succeeded DOUBLE PRECISION NOT NULL, PRIMARY KEY (name, address)
    ){keyed}""",
    "CREATE INDEX login_attempts_by_address ON login_attempts (address)",
    # who is behind rows of a server with accounts; '' for the person whose machine it is
    "ALTER TABLE sessions ADD COLUMN person TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE requests ADD COLUMN person TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE audit ADD COLUMN address TEXT NOT NULL DEFAULT ''",
)

_HEARTBEATS = (
    # `server.state.databases.heartbeats`; `beat` is a time of the database's clock
    """CREATE TABLE heartbeats (
        host TEXT NOT NULL, pid BIGINT NOT NULL, begun DOUBLE PRECISION NOT NULL, beat DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (host, pid, begun)
    ){keyed}""",
    "CREATE INDEX audit_by_subject ON audit (subject, id)",
)

STEPS: tuple[tuple[str, ...], ...] = (
    _GATE, _WORKFLOWS, _COSTS, _ATTRIBUTES, _SESSIONS, _MEMORY, _TASK_QUEUE, _FEEDBACK, _QUESTIONS, _TASK_KINDS,
    _GIVEN_ANSWERS, _DECISIONS, _DEPLOYMENTS, _METRICS, _ALERTS, _AGENT_QUESTIONS, _BACKGROUND_JOBS,
    _OPENINGS, _ACCESS, _HEARTBEATS,
)  # fmt: skip
"""Statements of each step; the first brings a new database to version 1."""

NEWEST = len(STEPS)


class NewerDatabase(Exception):  # noqa: N818 (the state says it to a person in its own words)
    """The database was made by a newer program, and nothing was changed."""


def migrate(connection: Connection, dialect: Dialect) -> None:
    """Run the steps that bring a database to the newest version, inside the caller's transaction.

    Raises:
        NewerDatabase: a newer program made the database; nothing was changed.
    """
    if dialect.prepare:
        connection.execute(dialect.prepare)
    version = read_version(connection, dialect)
    if version > NEWEST:
        raise NewerDatabase
    for number, step in enumerate(STEPS[version:], version + 1):
        for statement in step:
            connection.execute(dialect.render(statement))
        connection.execute(dialect.write_version.format(version=number))


def read_version(connection: Connection, dialect: Dialect) -> int:
    """Return the version of the tables of a database, 0 for a new database."""
    row = connection.execute(dialect.read_version).fetchone()
    return int(row[0]) if row is not None else 0
