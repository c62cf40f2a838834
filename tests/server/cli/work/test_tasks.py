"""`starling tasks` and `starling work`, with a scripted endpoint and a real repository."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from models.scripted.scripted_server import ScriptedServer
from server.assembly.gates import open_state
from server.cli import run
from server.state import paths
from server.state.given_answers import GivenAnswers
from server.state.requests import Requests
from server.state.task_store import TaskStore
from server.work.worktrees import Worktrees
from tests.server.assembly.observation.test_switching import find_port
from tests.server.observation.test_listener import get
from tests.server.work.repositories import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[4]
KILLS = int(os.environ.get("TEST_KILLS", "3"))
EDIT = {"path": "area.py", "replacements": [{"old": "3.14", "new": "3.1415926"}], "why": "It is more exact."}
SCRIPT = f"""
=== return 3.1415926 * r
It is more exact.
=== Done: Edit area.py
It is more exact.
=== 1  def area(r)
@call edit_file {json.dumps(EDIT)}
=== more exact
@call read_file {{"path": "area.py"}}
=== explain
It computes an area.
=== run it
@times 1
@call execute_command {{"command": "touch ran"}}
=== run it
It could not be run.
=== says: blue
Blue it is.
=== colour
@times 1
@call ask_person {{"question": "Which colour?", "choices": ["red", "blue"]}}
=== colour
I take any.
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a repository, with the scripted endpoint as the person's chat model."""
    root = tmp_path / "shop"
    root.mkdir()
    run_git(root, "init", "-q", "-b", "main")
    (root / "area.py").write_text("def area(r):\n    return 3.14 * r * r\n")
    run_git(root, "add", "--all")
    run_git(root, "commit", "-q", "-m", "first")
    (root / "mine.py").write_text("not committed\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    with ScriptedServer(SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        yield root


def start_worker(shop: Path, *options: str) -> subprocess.Popen[str]:
    """Start `starling work` in a process of its own."""
    code = "import sys; from server.cli import run; sys.exit(run(['work', *sys.argv[1:]]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *options], cwd=shop, env=environment, stderr=subprocess.PIPE, text=True
    )


def add(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Add a task and return the beginning of its id."""
    assert run(["tasks", "add", *words]) == 0
    return capsys.readouterr().out.strip()


def read_tasks(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Return all tasks by the beginning of their id."""
    capsys.readouterr()
    assert run(["tasks", "--json"]) == 0
    return {one["id"][:8]: one for one in json.loads(capsys.readouterr().out)["tasks"]}


def test_a_task_ends_as_a_branch_that_is_merged_after_a_yes(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = add(capsys, "make", "it", "more", "exact", "--role", "coder")
    assert run(["work"]) == 0
    task = read_tasks(capsys)[name]
    assert (task["status"], task["attempts"]) == ("done", 1)
    assert task["result"].startswith("It is more exact.\n\nChanged on the branch starling/")
    assert run(["tasks", "show", name]) == 0
    assert f"(`starling tasks merge {name}` proposes it to you)" in capsys.readouterr().out
    assert (run_git(shop, "status", "--porcelain"), (shop / "area.py").read_text()[-9:]) == (
        "?? mine.py\n",
        "14 * r * r\n"[-9:],
    )
    (shop / "area.py").write_text('"""My own line."""\n' + (shop / "area.py").read_text())
    assert run(["tasks", "merge", name]) == 1
    assert "There is no terminal to ask on" in capsys.readouterr().err
    assert run(["tasks", "merge", name, "--yes", "edit"]) == 0
    assert (shop / "area.py").read_text() == '"""My own line."""\ndef area(r):\n    return 3.1415926 * r * r\n'
    assert run_git(shop, "branch", "--format=%(refname:short)") == "main\n"
    capsys.readouterr()
    assert run(["logs", "--task", name, "--kind", "merge", "--json"]) == 0
    logged = json.loads(capsys.readouterr().out)["actions"]
    assert [(one["outcome"], one["workspace"]) for one in logged] == [
        ("refused", shop.as_uri()), ("applied", shop.as_uri()),
    ]  # fmt: skip
    assert run(["tasks", "show", name]) == 0
    assert "tasks merge" not in capsys.readouterr().out
    assert run(["undo", "--yes", "edit"]) == 0
    assert (shop / "area.py").read_text().endswith("return 3.14 * r * r\n")
    assert run(["tasks", "log", name]) == 0
    assert "called `edit_file`" in capsys.readouterr().out


def test_what_the_person_has_changed_too_is_not_merged_and_the_branch_is_kept(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = add(capsys, "make it more exact", "-r", "coder")
    assert run(["work"]) == 0
    (shop / "area.py").write_text("def area(r):\n    return PI * r * r\n")
    assert run(["tasks", "merge", name, "--yes", "edit"]) == 1
    assert "is kept" in capsys.readouterr().err
    assert (shop / "area.py").read_text() == "def area(r):\n    return PI * r * r\n"
    assert "starling/" in run_git(shop, "branch")
    assert run(["tasks", "drop", name]) == 0
    assert run(["tasks", "drop", name]) == 1
    capsys.readouterr()
    assert run(["logs", "--task", name, "--kind", "branch dropped", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["actions"]) == 1
    assert "starling/" not in run_git(shop, "branch")


def test_what_the_workspaces_settings_exclude_is_not_merged(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = add(capsys, "make it more exact", "-r", "coder")
    assert run(["work"]) == 0
    (shop / ".starling.toml").write_text('[index]\nexclude = ["area.py"]\n')
    assert run(["tasks", "merge", name, "--yes", "edit"]) == 1
    assert (shop / "area.py").read_text() == "def area(r):\n    return 3.14 * r * r\n"


def test_a_task_that_only_reads_needs_no_branch(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = add(capsys, "explain", "area.py", "--read-only", "--role", "ask")
    assert run(["work"]) == 0
    assert read_tasks(capsys)[name]["result"] == "It computes an area."
    assert run_git(shop, "branch", "--format=%(refname:short)") == "main\n"
    assert run(["tasks", "merge", name]) == 1


def test_a_command_in_a_worktree_is_asked_about_as_everywhere(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = add(capsys, "run it", "-r", "debug")
    assert run(["work"]) == 0
    assert "no terminal to ask on" in capsys.readouterr().err
    assert read_tasks(capsys)[name]["result"] == "It could not be run."
    assert not (shop / "ran").exists()


def test_a_persons_rule_holds_in_a_worktree(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLING_TEAM__DENY", "edits path area.py")
    name = add(capsys, "make it more exact", "-r", "coder")
    assert run(["work"]) == 0
    assert "A rule denies this call" in capsys.readouterr().err
    assert "branch" not in read_tasks(capsys)[name]["result"]
    assert run_git(shop, "branch", "--format=%(refname:short)") == "main\n"


def test_tasks_are_cancelled_paused_retried_and_ordered(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    low = add(capsys, "explain low", "--read-only", "-r", "ask", "-p", "low")
    high = add(capsys, "explain high", "--read-only", "-r", "ask", "-p", "high", "--deadline", "2h")
    after = add(capsys, "explain after", "--read-only", "-r", "ask", "--needs", low)
    assert run(["tasks", "cancel", low]) == 0
    assert run(["tasks", "cancel", low]) == 1
    assert run(["tasks", "pause", high]) == 0
    assert run(["work"]) == 0
    found = read_tasks(capsys)
    assert [found[one]["status"] for one in (low, high, after)] == ["cancelled", "paused", "waiting"]
    for one in (low, high, after):
        assert run(["tasks", "retry", one]) == 0
    assert run(["work"]) == 0
    found = read_tasks(capsys)
    assert [found[one]["status"] for one in (low, high, after)] == ["done"] * 3
    assert found[high]["changed"] < found[low]["changed"] < found[after]["changed"]
    assert run(["tasks", "retry", low]) == 1
    assert run(["tasks", "show", low]) == 0
    assert "It computes an area." in capsys.readouterr().out


def test_a_task_that_has_not_ended_is_not_merged_or_dropped(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = add(capsys, "make it\nmore exact", "-r", "coder")
    with contextlib.closing(open_state()) as state:
        claimed = TaskStore(state).claim(shop.as_uri(), "a worker")
        assert claimed is not None
        opened = Worktrees(shop, paths.worktrees_dir()).open(claimed.id)
        (opened.root / "half.py").write_text("half\n")
        for command in ("merge", "drop"):
            assert run(["tasks", command, name]) == 1
        assert (opened.root / "half.py").exists()
    assert run(["tasks", "cancel", ""]) == 1
    capsys.readouterr()
    assert run(["tasks"]) == 0
    assert "make it more exact" in capsys.readouterr().out
    assert run(["tasks", "cancel", name]) == 0
    assert opened.folder.exists()  # nobody knows whether "a worker" has ended; it may still use the folder
    assert run(["work"]) == 0
    assert opened.folder.exists()
    with contextlib.closing(open_state()) as state:
        assert not TaskStore(state).release(claimed)  # it has stopped
    assert run(["work"]) == 0
    assert not opened.folder.exists()


def test_no_index_of_a_deleted_worktree_is_kept(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "true")
    name = add(capsys, "make it more exact", "-r", "coder")
    assert run(["work"]) == 0
    task = read_tasks(capsys)[name]
    assert (task["status"], shop.exists()) == ("done", True)
    kept = [one.name for one in paths.index_dir().iterdir()]
    assert kept
    assert not [one for one in kept if one.startswith(task["id"])]


@pytest.mark.parametrize("options", [[], ["--watch"]])
def test_without_a_chat_model_nothing_is_begun_and_the_queue_is_kept(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    name = add(capsys, "explain", "--read-only")
    monkeypatch.delenv("STARLING_CHAT__URL")
    assert run(["work", *options]) == 1
    assert "No chat model is configured" in capsys.readouterr().err
    task = read_tasks(capsys)[name]
    assert (task["status"], task["attempts"], shop.exists()) == ("queued", 0, True)


def test_a_kills_leftover_folder_is_deleted_when_work_begins(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = add(capsys, "make it more exact", "-r", "coder")
    assert run(["work"]) == 0
    task = read_tasks(capsys)[name]["id"]
    folder = Worktrees(shop, paths.worktrees_dir()).open(task).folder
    assert run(["work"]) == 0
    assert not folder.exists()
    assert "starling/" in run_git(shop, "branch")


def test_cancelling_outside_of_a_repository_is_no_failure(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert shop.exists()
    names = [add(capsys, *words, "-w", str(plain)) for words in (["explain", "--read-only"], ["change it"])]
    assert run(["tasks", "cancel", names[0], "-w", str(plain)]) == 0
    assert run(["work", "-w", str(plain)]) == 0
    assert run(["tasks", "cancel", names[1], "-w", str(plain)]) == 0


def test_without_a_repository_a_writing_task_waits_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shop: Path
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert run(["tasks", "add", "make it more exact", "-w", str(plain)]) == 0
    assert run(["work", "-w", str(plain)]) == 0
    capsys.readouterr()
    assert run(["tasks", "-w", str(plain), "--json"]) == 0
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    assert task["status"] == "waiting"
    assert "needs a git repository with a commit" in task["result"]
    assert shop.exists()


@pytest.mark.parametrize("decision", ["yes", "no"])
def test_a_workers_question_waits_until_it_is_answered_from_another_terminal(
    shop: Path, capsys: pytest.CaptureFixture[str], decision: str
) -> None:
    name = add(capsys, "run it", "-r", "debug")
    with start_worker(shop, "--ask") as worker:
        while run(["sessions", "answer", "", "--answer", decision]) != 0:  # nobody has asked yet
            assert worker.poll() is None
            time.sleep(0.2)
        _, said = worker.communicate(timeout=60)
    assert "waits for you; answer with `starling sessions answer" in said
    assert read_tasks(capsys)[name]["status"] == "done"
    assert run(["sessions", "answer", "", "--answer", decision]) == 1
    assert "no question waits" in capsys.readouterr().err
    assert read_newest_answer() == {"yes": "approve", "no": "reject"}[decision]
    assert shop.exists()


def wait_for_agents_question(worker: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Wait until an agent of the worker asks, and return its question."""
    while True:
        capsys.readouterr()
        assert run(["sessions", "questions", "--json"]) == 0
        if found := json.loads(capsys.readouterr().out)["questions"]:
            return dict(found[0])
        assert worker.poll() is None
        time.sleep(0.2)


def test_what_an_agent_of_a_worker_asks_is_answered_in_words_from_another_terminal(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = add(capsys, "choose a colour", "-r", "coder")
    with start_worker(shop, "--ask") as worker:
        asked = wait_for_agents_question(worker, capsys)
        assert (asked["by"], asked["title"], asked["choices"]) == ("coder", "Which colour?", ["red", "blue"])
        assert asked["session"].startswith(name)
        assert run(["sessions", "questions"]) == 0
        assert "Which colour?" in capsys.readouterr().out
        assert run(["sessions", "answer", asked["request"][:8]]) == 1
        assert "There is no terminal to ask on" in capsys.readouterr().err
        assert run(["sessions", "answer", asked["request"][:8], "--answer", "green"]) == 1
        assert "give one of: red, blue" in capsys.readouterr().err
        assert run(["sessions", "answer", asked["request"][:8], "--answer", "BLUE"]) == 0
        _, said = worker.communicate(timeout=60)
    assert f"starling sessions answer {asked['request'][:8]}" in said
    task = read_tasks(capsys)[name]
    assert (task["status"], task["result"], shop.exists()) == ("done", "Blue it is.", True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_question_of_an_agent_whose_worker_is_killed_is_gone_and_its_task_is_done_again(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = add(capsys, "choose a colour", "-r", "coder")
    with start_worker(shop, "--ask") as worker:
        asked = wait_for_agents_question(worker, capsys)
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=60)
    assert run(["sessions", "answer", asked["request"], "--answer", "blue"]) == 1
    assert "no question waits" in capsys.readouterr().err
    assert run(["work"]) == 0
    task = read_tasks(capsys)[name]
    assert (task["status"], task["attempts"], shop.exists()) == ("done", 2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP and SIGKILL")
def test_an_answer_that_a_killed_worker_had_not_taken_goes_to_the_next_attempt(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = add(capsys, "choose a colour", "-r", "coder")
    with start_worker(shop, "--ask") as worker:
        asked = wait_for_agents_question(worker, capsys)
        worker.send_signal(signal.SIGSTOP)
        assert run(["sessions", "answer", asked["request"], "--answer", "blue"]) == 0
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=60)
    assert run(["work"]) == 0
    task = read_tasks(capsys)[name]
    assert (task["status"], task["attempts"], task["result"]) == ("done", 2, "Blue it is.")
    state = open_state()
    assert GivenAnswers(state).list_left(task["id"]) == ()
    state.close()


def test_without_ask_an_agent_of_a_worker_decides_itself(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = add(capsys, "choose a colour", "-r", "coder")
    assert run(["work"]) == 0
    task = read_tasks(capsys)[name]
    assert (task["status"], task["result"], shop.exists()) == ("done", "I take any.", True)


def test_a_worker_removes_what_a_cancelled_task_has_written_once_it_has_stopped(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = add(capsys, "run it", "-r", "debug")
    with start_worker(shop, "--ask", "--watch") as worker:
        try:
            while not any(paths.worktrees_dir().glob(f"{name}*/area.py")):
                assert worker.poll() is None
                time.sleep(0.2)
            assert run(["tasks", "cancel", name]) == 0
            while any(paths.worktrees_dir().glob(f"{name}*")):
                assert worker.poll() is None
                time.sleep(0.2)
        finally:
            worker.terminate()
            worker.communicate(timeout=60)
    assert read_tasks(capsys)[name]["status"] == "cancelled"
    assert run_git(shop, "for-each-ref", "--format=%(refname)") == "refs/heads/main\n"


def test_a_worker_is_healthy_until_it_ends(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with start_worker(shop, "--watch") as worker:
        while run(["health"]) != 0:
            assert worker.poll() is None
            time.sleep(0.2)
        worker.terminate()
        worker.communicate(timeout=60)
    capsys.readouterr()
    if sys.platform != "win32":  # Windows ends it without a chance to withdraw the sign
        assert run(["health"]) == 1
        assert "has given a sign of life" in capsys.readouterr().err


def test_a_worker_that_waits_shows_its_metrics_and_the_queue(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = find_port()
    monkeypatch.setenv("STARLING_METRICS__LISTEN", f"127.0.0.1:{port}")
    with start_worker(shop, "--watch") as worker:
        while (text := read_metrics(port)) is None:
            assert worker.poll() is None
            time.sleep(0.2)
        worker.terminate()
        worker.communicate(timeout=60)
    assert 'starling_queued_tasks{status="queued"} 0' in text
    assert 'starling_part_ok{part="index"} 1' in text


def read_metrics(port: int) -> str | None:
    """Return the metrics that are shown at a port; None while nothing listens there."""
    try:
        return get(port, "/metrics")
    except ConnectionRefusedError:
        return None


def read_newest_answer() -> str:
    """Return the recorded answer to the newest request."""
    state = open_state()
    try:
        return Requests(state).list_newest(None, 1)[0].answer
    finally:
        state.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_worker_that_is_killed_at_any_moment_loses_and_doubles_nothing(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(KILLS)  # noqa: S311 (moments of a test)
    for number in range(KILLS):
        name = add(capsys, f"make it more exact, {number}", "-r", "coder")
        with start_worker(shop) as worker:
            time.sleep(dice.uniform(0.5, 3.0))
            worker.send_signal(signal.SIGKILL)
            worker.wait(timeout=60)
        assert run(["work"]) == 0
        task = read_tasks(capsys)[name]
        assert (task["status"], task["attempts"]) in {("done", 1), ("done", 2)}
        branch = f"starling/{task['id'][:12]}"
        assert run_git(shop, "show", f"{branch}:area.py").count("3.1415926") == 1
        assert run_git(shop, "rev-list", "--count", f"main..{branch}") == "1\n"
        assert run_git(shop, "status", "--porcelain") == "?? mine.py\n"
        assert run_git(shop, "worktree", "list").count("\n") == 1
