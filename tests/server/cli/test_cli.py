"""The commands as a person sees them: answers, sentences, exit statuses."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from filelock import FileLock
from typer.testing import CliRunner

import starling_lsp
from indexing.storage.index_files import IndexPaths
from models.catalog.catalog import DEFAULT_MODEL
from server.cli import run, tables
from server.cli.app import app
from server.state import paths
from server.version import VERSION
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("forks", "home")

PROGRAM = [sys.executable, "-P", str(Path(starling_lsp.__file__))]
COMMANDS = [
    "serve",
    "complete",
    "generate",
    "index",
    "search",
    "review",
    "undo",
    "models",
    "models list",
    "doctor",
    "demo",
]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")
    assert len(result.stdout.splitlines()) > 5


def test_the_overview_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert {command.split()[0] for command in COMMANDS} <= set(re.findall(r"^  (\w+)", shown, re.MULTILINE))


def test_every_option_says_what_it_does() -> None:
    for command in COMMANDS:
        shown = CliRunner().invoke(app, [*command.split(), "--help"]).stdout
        options = re.findall(r"^  (?:-\w, )?--[\w-]+(?: [^\s]+)?( {2,}\S|$)", shown, re.MULTILINE)
        assert options, command


@pytest.mark.parametrize("group", ["", "models"])
def test_without_a_command_the_overview_is_shown_as_help_shows_it(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*group.split(), "--help"]) == 0
    overview = capsys.readouterr().out
    assert run(group.split()) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == overview


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"starling {VERSION}\n"


@pytest.mark.parametrize(
    "arguments",
    ["bogus", "complete", "complete main.py", "complete main.py:1:1 --limit 0", "search", "search x --limit many",
     "serve --tcp 0.0.0.0:0", "serve --stdio --ws :1", "serve --tcp nowhere", "index --nonsense", "index a b",
     "models bogus"],
)  # fmt: skip
def test_a_usage_error_is_one_sentence_with_the_next_step_and_status_2(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments.split()) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert len(written.err.splitlines()) == 1
    assert written.err.startswith("starling: ")
    assert "Traceback" not in written.err


@pytest.mark.parametrize(
    ("arguments", "command"),
    [("review --yes", "starling review"), ("undo --nonsense", "starling undo"), ("models use", "starling models use"),
     ("models pull --token-file", "starling models pull"), ("--nonsense", "starling")],
)  # fmt: skip
def test_a_usage_error_names_the_help_of_its_own_command(
    arguments: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments.split()) == 2
    assert capsys.readouterr().err.endswith(f"; see `{command} --help`.\n")


def test_a_full_disk_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tables, "show", fail)
    assert run(["jobs", "-w", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "starling: There is no space left to write; free some.\n"


@pytest.mark.parametrize("group", ["", "models"])
def test_the_overview_says_of_each_command_a_whole_sentence(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*group.split(), "--help"]) == 0
    commands = capsys.readouterr().out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(commands) >= 10
    for line in commands:
        assert line.endswith(".")
        assert not line.endswith("...")
        assert len(line) <= 80


@pytest.mark.parametrize(
    "arguments",
    ["complete missing.py:1:1", "complete .:1:1", "complete main.py:99:1", "complete main.py:1:999", "index missing",
     "index main.py", "search x --workspace missing", "demo --workspace missing", "doctor --workspace missing"],
)  # fmt: skip
def test_a_failure_is_one_sentence_and_status_1(
    arguments: str, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    assert run(arguments.split()) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert len(written.err.splitlines()) == 1
    assert "Traceback" not in written.err


def test_a_bug_is_reported_in_a_sentence_and_the_log_has_the_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def raise_error(_: object) -> None:
        raise ZeroDivisionError("nobody expected that")

    monkeypatch.setattr("server.cli.arguments.resolve_folder", raise_error)
    assert run(["doctor"]) == 1
    written = capsys.readouterr().err
    assert len(written.splitlines()) == 1
    assert "nobody expected that" in written
    assert str(home / "log") in written
    assert "ZeroDivisionError" in (home / "log" / "starling.log").read_text(encoding="utf-8")


def test_indexing_says_what_was_found_and_what_was_left_out(
    workspace: Path, run_json_command: Callable[..., Any]
) -> None:
    first = run_json_command("index", workspace)
    assert (first["files"], first["worked"]) == (2, True)
    assert first["symbols"] == 3
    assert first["chunks"] >= 3
    assert first["bytes"] == sum((workspace / name).stat().st_size for name in ("shapes.py", "main.py"))
    assert first["skipped"]["secret"] == 1
    assert first["skipped"]["binary"] == 1
    assert first["by_language"] == {"python": 2}
    assert first["seconds"] > 0
    assert first["mb_per_s"] >= 0


def test_files_that_the_settings_exclude_are_not_indexed(workspace: Path, run_json_command: Callable[..., Any]) -> None:
    assert run_json_command("index", workspace)["files"] == 2
    (workspace / ".starling.toml").write_text('[index]\nexclude = ["shapes.*", "*.toml"]\n')
    found = run_json_command("index", workspace)
    assert found["files"] == 1
    assert found["skipped"]["excluded"] == 2
    hits = run_json_command("search", "area_of_square", "--workspace", workspace)["results"]
    assert "shapes.py" not in {hit["file"] for hit in hits}


def test_indexing_again_does_no_work_and_a_change_does_a_little(
    workspace: Path, run_json_command: Callable[..., Any]
) -> None:
    run_json_command("index", workspace)
    again = run_json_command("index", workspace)
    assert (again["worked"], again["files"], again["mb_per_s"]) == (False, 2, None)
    (workspace / "new.py").write_text("def brand_new_function():\n    pass\n")
    assert run_json_command("index", workspace)["worked"] is True
    assert run_json_command("index", workspace)["files"] == 3


def test_with_an_embedding_model_code_gets_vectors_and_searches_use_them(
    workspace: Path, tmp_path: Path, run_json_command: Callable[..., Any]
) -> None:
    checkpoint = shutil.copytree(NETWORKS / "bert", tmp_path / "checkpoint")
    run_json_command("models", "convert", checkpoint, "--name", "own-bert")
    nothing = {"model": "own-bert", "vectors": 0, "share": None, "problem": ""}
    assert run_json_command("index", workspace, "--no-vectors")["vectors"] == nothing
    vectors = run_json_command("index", workspace)["vectors"]
    assert vectors == {"model": "own-bert", "vectors": vectors["vectors"], "share": 1.0, "problem": ""}
    assert vectors["vectors"] >= 3
    found = run_json_command("search", "words that no code has", "--workspace", workspace)["results"]
    assert {hit["name"] for hit in found} >= {"area_of_square"}  # a random model finds all
    assert run_json_command("search", "nowhere", "--workspace", workspace)["results"] == []


def test_searching_finds_the_definition_with_its_place(workspace: Path, run_json_command: Callable[..., Any]) -> None:
    found = run_json_command("search", "area_of_circle radius", "--workspace", workspace, "--limit", "2")
    best = found["results"][0]
    assert (best["file"], best["line"]) == ("shapes.py", 1)
    assert "def area_of_circle(radius):" in best["text"]
    assert len(found["results"]) <= 2
    assert run_json_command("search", "PASSWORD hunter22", "--workspace", workspace)["results"] == []


def test_without_a_folder_the_repository_around_is_indexed_and_searched(
    workspace: Path, run_json_command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / ".git").mkdir()
    (workspace / "below").mkdir()
    monkeypatch.chdir(workspace / "below")
    assert run_json_command("index")["workspace"] == str(workspace)
    assert run_json_command("search", "area_of_circle")["workspace"] == str(workspace)


def test_a_search_without_hits_is_no_failure(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "zzzzzzz", "--workspace", str(workspace)]) == 0
    written = capsys.readouterr()
    assert written.out == ""
    assert "nothing was found" in written.err


def test_completing_answers_with_text_place_origin_and_times(
    workspace: Path, run_json_command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    text = (
        workspace / "shapes.py"
    ).read_text() + "\n\ndef area_of_ring(radius):\n    '''Area.'''\n    return 3.14159 * "
    (workspace / "rings.py").write_text(text)
    line = len(text.splitlines())
    column = len(text.splitlines()[-1]) + 1
    found = run_json_command("complete", f"{workspace / 'rings.py'}:{line}:{column}", "--workspace", workspace)
    (suggestion,) = found["suggestions"]
    assert suggestion["text"] == "radius * radius"
    assert suggestion["origin"] == "recall"
    assert suggestion["start"] == suggestion["end"] == {"line": line, "column": column}
    assert 0 <= suggestion["confidence"] <= 1
    assert found["total_ms"] >= found["model_ms"] == 0
    assert found["index"] == {"state": "ready", "files": 3}


def test_a_secret_file_is_not_completed(workspace: Path, run_json_command: Callable[..., Any]) -> None:
    found = run_json_command("complete", f"{workspace / '.env'}:1:10", "--workspace", workspace)
    assert found["suggestions"] == []
    assert found["why_empty"]


def test_a_file_that_is_left_out_is_not_completed_and_that_is_explained(
    workspace: Path, run_json_command: Callable[..., Any]
) -> None:
    (workspace / "build").mkdir()
    (workspace / "build" / "made.py").write_text("x = \n")
    found = run_json_command("complete", f"{workspace / 'build' / 'made.py'}:1:5", "--workspace", workspace)
    assert found["suggestions"] == []
    assert "build/ is named like build output, and git tracks nothing in it" in found["left_out"]


def test_the_bundled_model_is_listed_and_used(run_json_command: Callable[..., Any]) -> None:
    found = run_json_command("models", "list")
    (chosen,) = [model for model in found["models"] if model["chosen"]]
    assert chosen["bundled"]
    assert chosen["roles"] == ["completion"]
    assert chosen["bytes"] > 1_000_000
    assert found["problems"] == []


def test_a_broken_entry_of_an_own_model_is_named(home: Path, run_json_command: Callable[..., Any]) -> None:
    (home / "config" / "models" / "mine").mkdir(parents=True)
    (home / "config" / "models" / "mine" / "catalog.toml").write_text("name = 3\n")
    (problem,) = run_json_command("models", "list")["problems"]
    assert str(home / "config" / "models" / "mine" / "catalog.toml") in problem


def test_a_model_whose_weights_cannot_be_read_is_listed_with_what_is_wrong(
    own_broken_model: Path, run_json_command: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = run_json_command("models", "list")
    problems = {model["name"]: model["problem"] for model in found["models"]}
    assert problems[DEFAULT_MODEL] == ""
    assert str(own_broken_model) in problems["mine"]
    assert found["problems"] == [problems["mine"]]
    assert run(["models", "list"]) == 0
    written = capsys.readouterr()
    assert problems["mine"] in written.err
    assert re.search(r"^ *\*! +mine ", written.out, re.MULTILINE)


def test_a_chosen_model_that_does_not_exist_is_named_in_the_list(
    monkeypatch: pytest.MonkeyPatch, run_json_command: Callable[..., Any]
) -> None:
    monkeypatch.setenv("STARLING_MODEL__NAME", "absent")
    (problem,) = run_json_command("models", "list")["problems"]
    assert "absent" in problem


def test_an_unwritable_place_is_replaced_and_named(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    assert run(["search", "area_of_circle", "--workspace", str(workspace)]) == 0
    written = capsys.readouterr()
    assert "shapes.py:1" in written.out
    assert "STARLING_HOME" in written.err


def test_escape_sequences_in_a_workspace_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "evil.py").write_text("def evil_function():\n    return '\x1b]0;owned\x07 [bold]'\n")
    assert run(["search", "evil_function", "--workspace", str(tmp_path / "w")]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert r"\x1b]0;owned" in shown
    assert "[bold]" in shown


def test_a_closed_pipe_is_no_error(workspace: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "search", "area", "--workspace", str(workspace)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read().decode()
        process.wait(60)
    assert errors == ""


def test_ctrl_c_ends_a_command_without_a_traceback(workspace: Path, tmp_path: Path) -> None:
    places = IndexPaths.of(paths.index_dir(), workspace)
    places.lock.parent.mkdir(parents=True)
    with (
        FileLock(places.lock),  # another server indexes: the command waits, and never ends by itself
        subprocess.Popen(
            [*PROGRAM, "index", str(workspace)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        ) as process,
    ):
        begun = time.monotonic()
        while not psutil.Process(process.pid).children() and time.monotonic() < begun + 60:
            time.sleep(0.05)  # until the indexing process is there
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == b""
    assert errors == b""


def test_only_one_object_is_written_to_stdout_with_json(workspace: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "index", str(workspace), "--json"], capture_output=True, text=True, check=True, timeout=100
    )
    assert json.loads(done.stdout)["files"] == 2
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["undo", "review --fix a.py", "generate a.py:1:1 -t docstring"])
def test_a_command_that_may_write_needs_no_protocol(
    command: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is imported for longer than all else that such a command needs."""
    (workspace / "a.py").write_text("def area(width):\n    import os\n    return width\n", encoding="utf-8")
    code = (
        "import sys, starling_lsp\n"
        f"sys.argv = ['starling', *{command.split()}]\n"
        "starling_lsp.main()\n"
        "print('server.assembly.gates' in sys.modules, 'lsprotocol' in sys.modules)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(Path(starling_lsp.__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=workspace, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "True False", done.stdout


def test_asking_to_serve_loads_no_command_line_library() -> None:
    code = (
        "import sys, server.lsp.serving.stdio as serve\n"
        "def stop(*_a, **_k):\n"
        "    print(*sys.modules)\n"
        "    raise SystemExit\n"
        "serve.serve_stdio = stop\n"
        "sys.argv = ['starling', 'serve']\n"
        "import starling_lsp; starling_lsp.main()\n"
    )
    root = Path(starling_lsp.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, timeout=60
    )
    heavy = {
        "typer",
        "rich",
        "pydantic",
        "structlog",
        "numpy",
        "ctranslate2",
        "tokenizers",
        "httpx",
    }
    assert not (heavy | {"tree_sitter", "watchfiles", "pathspec", "platformdirs", "psutil"}) & set(done.stdout.split())
    assert "pygls" in done.stdout.split()
