"""Commands of agents, run for real: in bounds, ended as a whole, and confined as each mechanism promises."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from agents.ports.commands import CommandRequest, ReportRequest
from indexing.limits import IndexLimits
from server.gate.commands import groups, hidden_places
from server.gate.commands.isolation import Unconfined
from server.gate.commands.runner import ConfinedRunner
from tests import marked

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.ports.commands import CommandResult
    from server.gate.commands.confinement import Mechanism

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the command lines are written for sh")

LINUX = sys.platform == "linux"
PYTHON = shlex.quote(os.path.realpath(sys.executable))  # an environment below /tmp is not there for a command


def find_mechanism(name: str) -> Mechanism:
    """Return a mechanism by name; skips the test where this system lacks it."""
    if name == "none":
        return Unconfined()
    if not LINUX:
        pytest.skip(f"{name} needs Linux")
    from server.gate.commands.bubblewrap import find_bubblewrap  # noqa: PLC0415 (on its own system only)
    from server.gate.commands.landlock import Launched, find_landlock  # noqa: PLC0415

    if name == "launcher":
        return Launched(0)
    found, problem = find_bubblewrap() if name == "bubblewrap" else find_landlock()
    if found is None:
        pytest.skip(problem)
    return found


@pytest.fixture(params=["bubblewrap", "Landlock", "launcher", "none"])
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    """Return each mechanism that this system has."""
    return find_mechanism(request.param)


@pytest.fixture(params=["bubblewrap", "Landlock"])
def confining(request: pytest.FixtureRequest) -> Mechanism:
    """Return each mechanism that confines and that this system has."""
    return find_mechanism(request.param)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty workspace folder, beside which a test may have other files."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


async def run(mechanism: Mechanism, root: Path, line: str, **options: object) -> CommandResult:
    """Run a command line in the workspace `root`."""
    runner = ConfinedRunner((root,), IndexLimits(), mechanism=mechanism)
    return await runner.run(CommandRequest(line, root, **options))  # type: ignore[arg-type]


async def is_gone(mark: str) -> bool:
    """Return whether no process with `mark` in its command line is left, after up to ten seconds."""
    for _ in range(200):
        if not any(mark in " ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_command_runs_in_the_workspace_and_its_status_and_output_are_returned(
    mechanism: Mechanism, root: Path
) -> None:
    result = await run(mechanism, root, "pwd; echo problem >&2; echo text > made; exit 3")
    assert (result.exit_code, result.problem) == (3, "")
    assert result.output.splitlines() == [str(root), "problem"]
    assert (root / "made").read_text() == "text\n"


async def test_a_command_gets_no_input_and_no_secret_variable(
    mechanism: Mechanism, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "s3cr3t")
    monkeypatch.setenv("STARLING_X", "s3cr3t")
    result = await run(mechanism, root, "cat; env")
    assert "PATH=" in result.output
    assert "s3cr3t" not in result.output


async def test_much_output_costs_little_memory_and_is_cut_in_the_middle(mechanism: Mechanism, root: Path) -> None:
    tracemalloc.start()
    try:
        result = await run(mechanism, root, "echo first; yes | head -c 100000000; echo last")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.output.startswith("first\n")
    assert result.output.endswith("last\n")
    assert "bytes left out" in result.output
    assert len(result.output) < 250_000
    assert most < 10_000_000


async def test_a_command_that_hangs_is_stopped_with_its_children(mechanism: Mechanism, root: Path) -> None:
    mark = f"{600 + os.getpid() / 1e7:.7f}1"
    result = await run(mechanism, root, f"sleep {mark} & sleep {mark}", timeout_s=0.5)
    assert (result.exit_code, result.problem) == (None, "The command was stopped after 0.5 seconds.")
    assert await is_gone(mark)


async def test_a_command_may_clean_up_when_it_is_stopped(mechanism: Mechanism, root: Path) -> None:
    result = await run(mechanism, root, "trap 'echo cleaned; exit' TERM; sleep 60 & wait", timeout_s=0.5)
    assert result.output == "cleaned\n"


async def test_a_command_that_ignores_sigterm_is_killed(
    mechanism: Mechanism, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "GRACE_S", 2.5)
    mark = f"{600 + os.getpid() / 1e7:.7f}2"
    result = await run(mechanism, root, f"trap '' TERM; sleep {mark}; sleep {mark}", timeout_s=0.5)
    assert result.exit_code is None
    assert await is_gone(mark)


async def test_a_child_in_the_background_does_not_outlive_its_command(mechanism: Mechanism, root: Path) -> None:
    mark = f"{600 + os.getpid() / 1e7:.7f}3"
    begun = time.monotonic()
    result = await run(mechanism, root, f"sleep {mark} & echo done")
    assert (result.exit_code, result.output) == (0, "done\n")
    assert time.monotonic() - begun < 30
    assert await is_gone(mark)


@pytest.mark.skipif(not LINUX, reason="only Linux lets a process adopt the orphans of others")
@pytest.mark.parametrize("name", ["bubblewrap", "Landlock", "launcher"])
async def test_a_child_that_leaves_the_group_does_not_outlive_its_command(name: str, root: Path) -> None:
    mark = f"{600 + os.getpid() / 1e7:.7f}4"
    await run(find_mechanism(name), root, f"setsid sleep {mark} > /dev/null 2>&1 & sleep 0.2")
    assert await is_gone(mark)


async def test_a_cancelled_call_ends_its_command(mechanism: Mechanism, root: Path) -> None:
    mark = f"{600 + os.getpid() / 1e7:.7f}5"
    running = asyncio.ensure_future(run(mechanism, root, f"echo > begun; sleep {mark}"))
    await wait_for((root / "begun").exists)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await is_gone(mark)


async def test_a_cancelled_request_ends_its_command(mechanism: Mechanism, root: Path) -> None:
    runner = ConfinedRunner((root,), IndexLimits(), mechanism=mechanism)
    request = CommandRequest("echo > begun; sleep 600", root)
    result = await runner.run(request, cancelled=(root / "begun").exists)
    assert (result.exit_code, "cancelled" in result.problem) == (None, True)


@pytest.mark.skipif(not LINUX, reason="only Linux ends a command with its killed server")
@pytest.mark.parametrize("name", ["bubblewrap", "Landlock", "launcher"])
async def test_a_command_ends_with_its_killed_server(name: str, root: Path) -> None:
    find_mechanism(name)
    mark = f"{600 + os.getpid() / 1e7:.7f}6"
    code = (
        "import asyncio, pathlib, sys; from tests.server.gate.commands.test_runner import find_mechanism, run\n"
        "asyncio.run(run(find_mechanism(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]))"
    )
    line = f"setsid sleep {mark} & echo > begun; sleep {mark}"
    server = subprocess.Popen(  # noqa: ASYNC220 (it is killed below)
        [sys.executable, "-c", code, name, str(root), line], cwd=Path(__file__).parents[4]
    )
    try:
        await wait_for((root / "begun").exists)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert await is_gone(mark)


async def test_a_command_outside_of_the_workspace_is_not_run(root: Path) -> None:
    runner = ConfinedRunner((root,), IndexLimits(), mechanism=Unconfined())
    result = await runner.run(CommandRequest("echo > made", root.parent))
    assert "outside of the workspace" in result.problem
    assert not (root.parent / "made").exists()


async def test_nothing_outside_of_the_workspace_is_written(confining: Mechanism, root: Path) -> None:
    outside = root.parent / "outside"
    outside.write_text("before")
    lines = (
        f"echo x > {outside}",
        f"rm {outside}",
        f"mv {outside} {outside}2",
        f"{PYTHON} -c {shlex.quote(f'import os; os.truncate({str(outside)!r}, 0)')}",
        f"ln -s {outside} link && echo x > link",
        f"echo x > {root.parent}/new",
    )
    for line in lines:
        await run(confining, root, line)
    assert outside.read_text() == "before"
    assert sorted(path.name for path in root.parent.iterdir()) == ["outside", "workspace"]


async def test_a_command_that_only_reads_writes_nothing_but_temporary_files(confining: Mechanism, root: Path) -> None:
    result = await run(confining, root, 'echo x > "$TMPDIR/file" && echo x > new', writes=False)
    assert result.exit_code != 0
    assert not (root / "new").exists()


async def test_the_network_is_closed_unless_it_is_asked_for(confining: Mechanism, root: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = server.getsockname()
        code = f"import socket; socket.create_connection({address!r}, 5)"
        line = f"{PYTHON} -c {shlex.quote(code)}"
        assert (await run(confining, root, line)).exit_code != 0
        assert (await run(confining, root, line, network=True)).exit_code == 0


async def test_datagrams_are_not_sent_without_the_network(confining: Mechanism, root: Path) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)
        address = server.getsockname()
        code = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', {address!r})"
        await run(confining, root, f"{PYTHON} -c {shlex.quote(code)}")
        with pytest.raises(TimeoutError):
            server.recv(1)


async def test_a_program_cannot_be_made_to_act_for_the_command(root: Path) -> None:
    place = root.parent / "bus"
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(place))
        server.listen()
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(place)!r})"
        result = await run(find_mechanism("Landlock"), root, f"{PYTHON} -c {shlex.quote(code)}", network=True)
    assert "not permitted" in result.output


async def test_what_the_command_is_confined_by_is_said_truly(confining: Mechanism, root: Path) -> None:
    runner = ConfinedRunner((root,), IndexLimits(), mechanism=confining)
    isolation = runner.find_isolation(CommandRequest("x", root))
    assert isolation.confines_writes
    assert isolation.blocks_network
    assert isolation.hides_secrets == isolation.protects_repository == confining.hides
    assert not runner.find_isolation(CommandRequest("x", root, network=True)).blocks_network
    assert not runner.find_isolation(CommandRequest("x", root, repository=True)).protects_repository


def test_without_a_mechanism_nothing_is_promised(root: Path) -> None:
    isolation = ConfinedRunner((root,), IndexLimits(), mechanism=Unconfined()).find_isolation(CommandRequest("x", root))
    assert not any((isolation.name, isolation.confines_writes, isolation.hides_secrets, isolation.blocks_network))


async def test_secrets_of_the_person_and_of_the_workspace_cannot_be_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mechanism = find_mechanism("bubblewrap")
    home, own = root.parent / "home", root.parent / "own"
    marked.parse("#- .ssh/id_rsa\nhidden-1\n#- .netrc\nhidden-2\n").write(home)
    marked.parse("#- state.db\nhidden-3\n").write(own)
    marked.parse("#- .env\nhidden-4\n#- .aws/credentials\nhidden-5\n#- main.py\nshown\n").write(root)
    monkeypatch.setenv("HOME", str(home))
    # the folders of a test lie in /tmp, which a command sees none of: show them, as if they were somewhere else
    monkeypatch.setattr("server.gate.commands.bubblewrap._COVERED", ())
    runner = ConfinedRunner((root,), IndexLimits(), (own,), mechanism)
    result = await runner.run(CommandRequest(f"cat $HOME/.ssh/* $HOME/.netrc {own}/* .env .aws/* main.py", root))
    assert "shown" in result.output
    assert "hidden" not in result.output


async def test_the_repository_is_changed_only_by_a_command_that_asks_for_it(root: Path) -> None:
    mechanism = find_mechanism("bubblewrap")
    (root / ".git").mkdir()
    line = "echo x > .git/hook"
    assert (await run(mechanism, root, line)).exit_code != 0
    assert (await run(mechanism, root, line, repository=True)).exit_code == 0


async def test_secrets_that_cannot_all_be_found_are_not_promised_to_be_hidden(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hidden_places, "MOST_ENTRIES", 0)
    (root / "a").touch()
    runner = ConfinedRunner((root,), IndexLimits(), mechanism=find_mechanism("bubblewrap"))
    request = CommandRequest("echo ran", root)
    assert runner.find_isolation(request).hides_secrets
    assert "too large" in (await runner.run(request)).problem
    assert not runner.find_isolation(request).hides_secrets
    assert (await runner.run(request)).output == "ran\n"


def test_a_workspace_among_secrets_is_not_promised_to_hide_them(root: Path) -> None:
    runner = ConfinedRunner((root,), IndexLimits(), (root.parent,), find_mechanism("bubblewrap"))
    assert not runner.find_isolation(CommandRequest("x", root)).hides_secrets


async def test_a_command_that_cannot_be_confined_is_not_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mechanism = find_mechanism("bubblewrap")
    monkeypatch.setattr("server.gate.commands.bubblewrap._NO_NETWORK", ("--ro-bind", "/missing", "/missing"))
    result = await run(mechanism, root, "echo ran > made")
    assert "could not be confined" in result.problem
    assert not (root / "made").exists()


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds, at most a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (another process does not know this loop)
            await asyncio.sleep(0.02)


REPORT = ReportRequest("report.txt", "> {file}")


async def test_a_report_is_read_from_the_commands_temporary_folder(mechanism: Mechanism, root: Path) -> None:
    result = await run(mechanism, root, "echo passed", report=REPORT)
    assert (result.output, result.report) == ("", "passed\n")


async def test_a_link_in_the_place_of_a_report_is_not_followed(mechanism: Mechanism, root: Path) -> None:
    (root.parent / "secret").write_text("hidden")
    line = f'ln -s {root.parent}/secret "$TMPDIR/report.txt"; true'
    assert not (await run(mechanism, root, line, report=ReportRequest("report.txt", ""))).report


async def test_a_report_that_is_too_large_is_left_out(mechanism: Mechanism, root: Path) -> None:
    assert not (await run(mechanism, root, "yes | head -c 17000000", report=REPORT)).report


@pytest.mark.skipif(not LINUX, reason="the mechanisms that are tried need Linux")
async def test_a_command_that_may_log_in_reaches_the_ssh_agent_but_not_our_own_files(
    confining: Mechanism, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, own = root.parent / "agent", root.parent / "own"
    marked.parse("#- state.db\nhidden\n").write(own)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
    monkeypatch.setattr("server.gate.commands.bubblewrap._COVERED", ())
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(place))
        server.listen()
        code = "import os, socket; socket.socket(socket.AF_UNIX).connect(os.environ['SSH_AUTH_SOCK']); print('reached')"
        line = f"{PYTHON} -c {shlex.quote(code)}; cat {own}/*"
        runner = ConfinedRunner((root,), IndexLimits(), (own,), confining)
        request = CommandRequest(line, root, credentials=True)
        result = await runner.run(request)
    assert "reached" in result.output
    assert ("hidden" in result.output) == (not confining.hides)
    assert not runner.find_isolation(request).hides_secrets


async def test_a_login_in_the_settings_of_a_repository_is_shown_to_git_alone(root: Path) -> None:
    mechanism = find_mechanism("bubblewrap")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text('[remote "origin"]\n\turl = https://me:s3cr3tpw9@host.example/x.git\n')
    line = "cat .git/config; echo x > .git/new"
    assert "s3cr3tpw9" not in (await run(mechanism, root, line)).output
    result = await run(mechanism, root, line, repository=True, writes=False)
    assert "s3cr3tpw9" in result.output
    assert not (root / ".git" / "new").exists()


async def test_the_temporary_folder_is_named_without_links(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root.parent / "real").mkdir()
    (root.parent / "link").symlink_to("real")
    monkeypatch.setattr(tempfile, "tempdir", str(root.parent / "link"))
    result = await run(Unconfined(), root, "echo $TMPDIR")
    assert result.output.startswith(f"{root.parent}/real/")
