"""Three processes that write requests, sessions and tasks to one PostgreSQL, which is restarted meanwhile.

Each process notes what the state has accepted, and what it has reported as not written. Afterwards the tables have to
hold the former exactly once, and nothing of the latter; tasks have to be done once, each worker's in the queue's order.

    python -m tests.server.state.databases.restart_under_load [--seconds 60] [--kill]

prints the figures. Start at `measure`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.ports.failures import StateError
from agents.ports.sessions import Entry, EntryKind, SessionState
from agents.ports.task_queue import NewTask
from agents.tools import EXECUTE_COMMAND
from server.gate.ports import Answer, Outcome, Question, Verdict
from server.gate.records import AuditRow, Ending
from server.state.databases.addresses import parse_address
from server.state.gate_records import GateRecords
from server.state.session_store import SessionStore
from server.state.task_store import TaskStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.state.database import State
    from tests.postgresql import Server

ROOT = Path(__file__).resolve().parents[4]
PLACE = "file:///shop"
MODULE = "tests.server.state.databases.restart_under_load"
PROCESSES = 3
DOWN_S = 1.0
MOST_OPEN = 200
"""Tasks that wait at the same time."""


class Notes:
    """The answers of the state to one process.

    Attributes:
        accepted: marks of what was written, by kind.
        refused: marks of what was reported as not written.
        longest_s: the longest call.
    """

    def __init__(self) -> None:
        self.accepted: dict[str, list[str]] = {kind: [] for kind in ("begun", "ended", "entries", "added", "done")}
        self.refused: dict[str, list[str]] = {kind: [] for kind in self.accepted}
        self.longest_s = 0.0
        self.sentences: Counter[str] = Counter()

    def call(self, kind: str, mark: str, write: Callable[[], object]) -> bool:
        """Call `write`, and note `mark` as accepted or refused; return whether it was accepted."""
        begun = time.monotonic()
        try:
            write()
        except StateError as error:
            self.refused[kind].append(mark)
            self.sentences[str(error)] += 1
            return False
        finally:
            self.longest_s = max(self.longest_s, time.monotonic() - begun)
        self.accepted[kind].append(mark)
        return True


def open_state(url: str) -> State:
    """Return the database at `url`."""
    from server.state.databases.postgresql import PostgresState  # noqa: PLC0415 (an extra)

    return PostgresState(parse_address(url))


def write_requests(url: str, until: float, notes: Notes) -> None:
    """Begin requests and end them as approved, each with one audit row."""
    records = GateRecords(open_state(url))
    while time.time() < until:
        request = uuid.uuid4().hex
        question = Question(request, EXECUTE_COMMAND, "Run the tests", "To see.", "tester", "pytest")

        def begin(question: Question = question) -> None:
            """Record the request."""
            records.begin(question, client="load", task="", model="", subjects=("pytest",))

        row = AuditRow(
            time.time(), request, "ann", "load", "tester", "", "execute_command", "Run the tests", "run", "pytest", "",
            "", "", written=True, answer="approve", answer_s=1.0, verdict="applied", reason="",
        )  # fmt: skip
        ending = Ending(Outcome(request, Verdict.APPLIED), Answer.APPROVE, 1.0, (row,))
        if notes.call("begun", request, begin):
            notes.call("ended", request, lambda ending=ending: records.end(ending))


def write_sessions(url: str, until: float, notes: Notes) -> None:
    """Record numbered entries in one session."""
    sessions = SessionStore(open_state(url))
    session = sessions.create(PLACE, title="load").id
    sessions.acquire(session, "load")
    number = 0
    while time.time() < until:
        number += 1
        entry = Entry(EntryKind.AGENT, "coder", f"{session} {number}")
        notes.call(
            "entries", entry.text, lambda entry=entry: sessions.record(session, "load", SessionState.EXECUTING, [entry])
        )


def add_tasks(url: str, until: float, notes: Notes) -> None:
    """Queue numbered tasks, as many as wait at most."""
    queue, number = TaskStore(open_state(url)), 0
    while time.time() < until:
        number += 1
        title = f"{number:07}"
        notes.call("added", title, lambda title=title: queue.add(NewTask(PLACE, title, key=title)))
        if number % 20 == 0:
            with contextlib.suppress(StateError):
                while sum(queue.count_open().values()) > MOST_OPEN and time.time() < until:
                    time.sleep(0.05)


def do_tasks(url: str, until: float, notes: Notes, name: str) -> None:
    """Take tasks and finish them; one whose end was not recorded is finished again."""
    queue = TaskStore(open_state(url))
    while time.time() < until:
        try:
            claimed = queue.claim(PLACE, name)
        except StateError as error:
            notes.sentences[str(error)] += 1
            continue
        if claimed is None:
            time.sleep(0.01)
            continue
        while not notes.call("done", claimed.task.title, lambda claimed=claimed: queue.finish(claimed, name)):
            time.sleep(0.05)


def work(url: str, number: int, seconds: float) -> None:
    """Write for some seconds after a line on stdin, and print what was accepted and refused as JSON."""
    open_state(url).read_stamp()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    notes, until = Notes(), time.time() + seconds
    jobs: list[Callable[[], None]] = [
        lambda: write_requests(url, until, notes),
        lambda: write_sessions(url, until, notes),
        lambda: do_tasks(url, until, notes, f"worker {number}"),
    ]
    if number == 0:
        jobs.append(lambda: add_tasks(url, until, notes))
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump(vars(notes), sys.stdout)


def measure(server: Server, url: str, seconds: float, *, kill: bool = False) -> dict[str, Any]:
    """Run the processes, restart the server in the middle, check the tables, and return the figures.

    Args:
        server: the server, which runs.
        url: address of an empty schema.
        seconds: how long the processes write.
        kill: whether the server ends as after a power cut.

    Raises:
        AssertionError: something was lost, doubled, or done out of order.
    """
    command = [sys.executable, "-m", MODULE, "--url", url, "--seconds", str(seconds)]
    running = [
        subprocess.Popen(
            [*command, "--worker", str(number)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    time.sleep(seconds / 2)
    server.stop(kill=kill)
    time.sleep(DOWN_S)
    server.start()
    told = []
    for process in running:
        out, errors = process.communicate(timeout=seconds + 120)
        assert errors == "", errors[-2000:]
        told.append(json.loads(out))
    return check(open_state(url), told, seconds)


def check(state: State, told: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Compare the tables with what the processes were told; return the figures. Raises AssertionError."""
    accepted = {kind: [one for notes in told for one in notes["accepted"][kind]] for kind in told[0]["accepted"]}
    refused = {kind: [one for notes in told for one in notes["refused"][kind]] for kind in told[0]["refused"]}
    unknown = sum(number for notes in told for text, number in notes["sentences"].items() if "not known" in text)
    with state.use_connection() as connection:

        def read(query: str) -> Counter[str]:
            """Return how often each value of a query occurs."""
            return Counter(row[0] for row in connection.execute(query))

        tables = {
            "begun": read("SELECT id FROM requests"),
            "ended": read("SELECT request FROM audit"),
            "entries": read("SELECT content FROM session_entries"),
            "added": read("SELECT title FROM queued_tasks"),
            "done": read("SELECT title FROM queued_tasks WHERE status = 'done'"),
        }
        approved = read("SELECT id FROM requests WHERE status = 'approved' AND verdict = 'applied'")
        entries = connection.execute("SELECT content FROM session_entries ORDER BY session, number").fetchall()
        rows = connection.execute(
            "SELECT title, worker, attempts, status FROM queued_tasks ORDER BY created"
        ).fetchall()
    for kind, found in tables.items():
        missing, doubled = set(accepted[kind]) - set(found), [one for one, number in found.items() if number > 1]
        assert not missing, f"{kind}: {len(missing)} lost"
        assert not doubled, f"{kind}: {len(doubled)} doubled"
        assert max(Counter(accepted[kind]).values(), default=1) == 1, f"{kind}: accepted twice"
        extra = set(found) - set(accepted[kind])
        assert len(extra) <= unknown, f"{kind}: {len(extra)} written that were reported as not written"
    assert set(approved) == set(tables["ended"])
    by_session: dict[str, list[int]] = {}
    for (text,) in entries:
        session, _, number = text.partition(" ")
        by_session.setdefault(session, []).append(int(number))
    assert all(numbers == sorted(numbers) for numbers in by_session.values()), "entries out of order"
    for notes in told:
        assert notes["accepted"]["done"] == sorted(notes["accepted"]["done"]), "tasks out of order"
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    done = [row for row in rows if row[3] == "done"]
    assert all(row[2] == 1 for row in done), "a task was taken twice"
    first_open = next((number for number, row in enumerate(rows) if row[3] != "done"), len(rows))
    return {
        "seconds": seconds,
        "processes": PROCESSES,
        "accepted": {kind: len(marks) for kind, marks in accepted.items()},
        "reported as not written": {kind: len(marks) for kind, marks in refused.items() if marks},
        "not known": unknown,
        "transactions a second": round(sum(map(len, accepted.values())) / seconds, 1),
        "longest call in s": round(max(notes["longest_s"] for notes in told), 2),
        "workers with tasks": len({row[1] for row in done}),
        "tasks left": len(rows) - len(done),
        "done before the first open one": first_open,
        "sentences": sorted({text for notes in told for text in notes["sentences"]}),
    }


def main() -> None:
    """Run one process of the load, or the whole measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--url", default="")
    parser.add_argument("--worker", type=int, default=-1)
    chosen = parser.parse_args()
    if chosen.url:
        work(chosen.url, chosen.worker, chosen.seconds)
        return
    from tests.postgresql import Server  # noqa: PLC0415 (for the measurement alone)

    server = Server()
    try:
        figures = measure(server, server.make_url("load"), chosen.seconds, kill=chosen.kill)
    finally:
        server.remove()
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
