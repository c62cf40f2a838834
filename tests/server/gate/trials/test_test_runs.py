"""Running a workspace's tests: which command, and that a run is bounded and ends with all it started."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from agents.ports.test_commands import Framework, TestCommand
from server.gate.commands import groups
from server.gate.trials import test_runs

if TYPE_CHECKING:
    from pathlib import Path


def make_command(folder: Path, code: str) -> TestCommand:
    return TestCommand((sys.executable, "-c", code), folder)


def make_environment(folder: Path, *packages: str) -> Path:
    """Create the files of a virtual environment with `packages`; return the path of its interpreter."""
    interpreter = folder / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.touch()
    for name in packages:
        (folder / ".venv/lib/python3.12/site-packages" / name).mkdir(parents=True)
    return interpreter


def test_the_users_own_command_wins_and_no_shell_reads_it(tmp_path: Path) -> None:
    make_environment(tmp_path, "pytest", "coverage")
    command = test_runs.choose_command(tmp_path, "make 'my tests' && rm -rf /")
    assert isinstance(command, TestCommand)
    assert command.arguments == ("make", "my tests", "&&", "rm", "-rf", "/")


def test_a_command_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert "review.testCommand" in str(test_runs.choose_command(tmp_path, "make 'my tests"))


def test_pytest_under_coverage_is_the_usual_one_where_both_are_installed(tmp_path: Path) -> None:
    interpreter = make_environment(tmp_path, "pytest", "coverage")
    command = test_runs.choose_command(tmp_path, "")
    assert isinstance(command, TestCommand)
    assert command.command_line == shlex.join([str(interpreter), "-m", "coverage", "run", "-m", "pytest", "-q"])
    assert command.measures


def test_pytest_alone_is_run_without_coverage(tmp_path: Path) -> None:
    make_environment(tmp_path, "pytest")
    command = test_runs.choose_command(tmp_path, "")
    assert isinstance(command, TestCommand)
    assert (command.arguments[1:], command.measures) == (("-m", "pytest", "-q"), False)


def test_a_test_script_of_npm_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"test": "jest"}}))
    command = test_runs.choose_command(tmp_path, "")
    assert isinstance(command, TestCommand)
    assert command.arguments == ("/bin/npm", "test")


@pytest.mark.parametrize(
    "manifest",
    [
        "{",
        "[" * 200_000,
        "[]",
        '{"scripts": {}}',
        '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}',
    ],
)
def test_where_no_command_is_known_the_setting_is_named(tmp_path: Path, manifest: str) -> None:
    make_environment(tmp_path)
    (tmp_path / "package.json").write_text(manifest)
    assert "review.testCommand" in str(test_runs.choose_command(tmp_path, ""))


async def test_a_run_tells_its_exit_code_and_the_end_of_what_it_wrote(tmp_path: Path) -> None:
    code = "import os,sys; print('x' * 100_000); print(os.environ['COVERAGE_FILE']); sys.exit(3)"
    ran = await test_runs.run(make_command(tmp_path, code), timeout_s=60, data_file=tmp_path / "data")
    assert (ran.exit_code, ran.problem, len(ran.output)) == (3, "", test_runs.KEPT_BYTES)
    assert ran.output.endswith(f"{tmp_path / 'data'}\n")


async def test_a_run_that_takes_too_long_is_stopped_with_all_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess,sys,time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "open('pid', 'w').write(str(child.pid)); time.sleep(600)"
    )
    ran = await test_runs.run(make_command(tmp_path, code), timeout_s=3, data_file=None)
    assert (ran.exit_code, "stopped after 3 seconds" in ran.problem) == (None, True)
    assert await wait_until_gone(int((tmp_path / "pid").read_text()))


async def test_a_cancelled_run_ends_its_process(tmp_path: Path) -> None:
    running = asyncio.ensure_future(
        test_runs.run(
            make_command(tmp_path, "import os,time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"),
            timeout_s=600,
            data_file=None,
        )
    )
    pid = tmp_path / "pid"
    async with asyncio.timeout(60):
        while not (pid.exists() and pid.read_text()):  # noqa: ASYNC110 (another process does not know this loop)
            await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await wait_until_gone(int(pid.read_text()))


async def test_tests_get_the_variables_that_editors_keep_from_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setenv("STARLING_KEPT_PYTHONPATH", "src")
    monkeypatch.setenv("STARLING_HOME", "/x")
    code = "import os; print(os.environ['PYTHONPATH'], [n for n in os.environ if n.startswith('STARLING')])"
    ran = await test_runs.run(make_command(tmp_path, code), timeout_s=60, data_file=None)
    assert ran.output.split() == ["src", "[]"]


async def test_a_run_that_takes_too_much_memory_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "compute_memory_limit", lambda: 100_000_000)
    code = "import time; kept = 'x' * 300_000_000; time.sleep(600)"
    ran = await test_runs.run(make_command(tmp_path, code), timeout_s=600, data_file=None)
    assert (ran.exit_code, "memory" in ran.problem) == (None, True)


async def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    ran = await test_runs.run(TestCommand(("no-such-program",), tmp_path), timeout_s=1, data_file=None)
    assert "could not be started" in ran.problem


async def wait_until_gone(pid: int) -> bool:
    """Wait for a killed process to end; return whether it has ended within 10 seconds."""
    for _ in range(500):
        if not is_alive(pid):
            return True
        await asyncio.sleep(0.02)
    return False


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("files", "expected", "framework"),
    [
        (("go.mod",), ("/bin/go", "test", "./..."), Framework.GO_TEST),
        (("Cargo.toml",), ("/bin/cargo", "test"), Framework.CARGO_TEST),
        (("tests/test_a.py",), ("/bin/python3", "-m", "unittest", "discover"), Framework.UNITTEST),
    ],
)
def test_other_programs_are_chosen_by_the_files_of_the_workspace(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: tuple[str, ...],
    expected: tuple[str, ...],
    framework: Framework,
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("import unittest\n")
    command = test_runs.choose_command(tmp_path, "")
    assert isinstance(command, TestCommand)
    assert (command.arguments, command.framework) == (expected, framework)


def test_a_run_without_coverage_can_be_asked_for(tmp_path: Path) -> None:
    make_environment(tmp_path, "pytest", "coverage")
    command = test_runs.choose_command(tmp_path, "", measures=False)
    assert isinstance(command, TestCommand)
    assert (command.arguments[1:], command.measures) == (("-m", "pytest", "-q"), False)


@pytest.mark.parametrize(
    ("wanted", "framework"),
    [
        ("uv run pytest -q", Framework.PYTEST),
        ("python -m unittest", Framework.UNITTEST),
        ("node_modules/.bin/jest", Framework.JEST),
        ("npx vitest run", Framework.VITEST),
        ("go test ./x", Framework.GO_TEST),
        ("cargo test --all", Framework.CARGO_TEST),
        ("make test", Framework.OTHER),
    ],
)
def test_the_program_in_the_users_command_is_recognized(tmp_path: Path, wanted: str, framework: Framework) -> None:
    command = test_runs.choose_command(tmp_path, wanted)
    assert isinstance(command, TestCommand)
    assert command.framework is framework


@pytest.mark.parametrize(
    ("wanted", "only", "expected"),
    [
        ("pytest -q", "tests/test_a.py", "pytest -q tests/test_a.py"),
        ("python -m unittest discover", "tests/test_a.py", "python -m unittest tests/test_a.py"),
        ("python -m unittest discover", "tests", "python -m unittest discover -s tests"),
        ("npm test", "a.test.js", "npm test -- a.test.js"),
        ("npm run test", "a.test.js", "npm run test -- a.test.js"),
        ("npm t -- --ci", "a.test.js", "npm t -- --ci a.test.js"),
        ("npx jest", "a.test.js", "npx jest a.test.js"),
        ("go test ./...", "area/a_test.go", "go test ./area"),
        ("go test ./...", "area", "go test ./area/..."),
        ("go test ./...", "a_test.go", "go test ./."),
        ("make test", "tests", "make test"),
    ],
)
def test_a_file_or_folder_is_chosen_in_the_way_of_the_program(
    tmp_path: Path, wanted: str, only: str, expected: str
) -> None:
    command = test_runs.choose_command(tmp_path, wanted, tmp_path / only)
    assert isinstance(command, TestCommand)
    assert command.command_line == expected
