"""Commands with secrets, input and folders outside of the workspace, under each confinement that this system has."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.ports.commands import CommandRequest
from indexing.limits import IndexLimits
from server.gate.commands.extras import Extras
from server.gate.commands.isolation import Unconfined
from server.gate.commands.runner import ConfinedRunner
from server.gate.commands.scrubbing import Scrubber

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.commands import CommandResult
    from server.gate.commands.confinement import Mechanism

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the command lines are written for sh")

SECRET = "hunter2-hunter2"


def list_mechanisms() -> dict[str, Mechanism | None]:
    """Return the mechanisms by name; None for one that this system lacks."""
    if sys.platform != "linux":
        return {"none": Unconfined()}
    from server.gate.commands.bubblewrap import find_bubblewrap  # noqa: PLC0415 (on its own system only)
    from server.gate.commands.landlock import find_landlock  # noqa: PLC0415

    return {"bubblewrap": find_bubblewrap()[0], "Landlock": find_landlock()[0], "none": Unconfined()}


@pytest.fixture(params=["bubblewrap", "Landlock", "none"])
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    """Return each mechanism that this system has."""
    found = list_mechanisms().get(request.param)
    if found is None:
        pytest.skip(f"{request.param} does not work here")
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return an empty workspace folder."""
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


async def run(workspace: Path, mechanism: Mechanism, line: str, extras: Extras) -> CommandResult:
    """Run a command line in the workspace, in which it may write nothing."""
    runner = ConfinedRunner([workspace], IndexLimits(), mechanism=mechanism)
    return await runner.run(CommandRequest(line, workspace, 20, writes=False), extras=extras)


async def test_a_secret_is_in_the_environment_and_not_in_the_output(workspace: Path, mechanism: Mechanism) -> None:
    extras = Extras({"TOKEN": SECRET}, scrubber=Scrubber([SECRET]))
    line = 'printf "%s %s\n" "${#TOKEN}" "$TOKEN"; printf "%s" "$TOKEN" | od -An -tx1 | tr -d " \n"'
    result = await run(workspace, mechanism, line, extras)
    assert result.output == f"{len(SECRET)} (secret)\n(secret)"
    assert SECRET not in repr(extras)


async def test_bytes_and_files_are_its_input(workspace: Path, mechanism: Mechanism, tmp_path: Path) -> None:
    big = b"x" * 1_000_000
    assert (await run(workspace, mechanism, "wc -c", Extras(given=big))).output.strip() == "1000000"
    (tmp_path / "input").write_bytes(b"from a file")
    assert (await run(workspace, mechanism, "cat", Extras(given=tmp_path / "input"))).output == "from a file"


async def test_a_command_that_reads_no_input_ends(workspace: Path, mechanism: Mechanism) -> None:
    result = await run(workspace, mechanism, "echo done", Extras(given=b"x" * 1_000_000))
    assert (result.exit_code, result.output) == (0, "done\n")


async def test_an_input_file_that_is_missing_is_a_sentence(workspace: Path, mechanism: Mechanism) -> None:
    result = await run(workspace, mechanism, "cat", Extras(given=workspace / "missing"))
    assert result.exit_code is None
    assert result.problem == "The command could not be started (No such file or directory)."


async def test_a_named_folder_can_be_written_and_one_beside_it_cannot(
    workspace: Path, mechanism: Mechanism, tmp_path: Path
) -> None:
    target, beside = tmp_path / "target", tmp_path / "beside"
    target.mkdir()
    beside.mkdir()
    line = f"echo 1 > {target}/a; echo 1 > {beside}/a; echo 1 > {workspace}/a"
    await run(workspace, mechanism, line, Extras(writable=(target,)))
    assert (target / "a").read_text() == "1\n"
    if not isinstance(mechanism, Unconfined):
        assert not (beside / "a").exists()
        assert not (workspace / "a").exists()


async def test_files_of_its_temporary_folder_are_taken_over_after_success(
    workspace: Path, mechanism: Mechanism, tmp_path: Path
) -> None:
    extras = Extras(collect=lambda folder: shutil.move(folder / "made", tmp_path / "taken") and None)
    result = await run(workspace, mechanism, 'echo kept > "$TMPDIR/made"', extras)
    assert (result.exit_code, (tmp_path / "taken").read_text()) == (0, "kept\n")
    missing = await run(workspace, mechanism, "true", extras)
    assert missing.exit_code is None
    assert "cannot be taken over (No such file or directory)" in missing.problem
    failed = replace(extras, collect=lambda _: (tmp_path / "collected").touch())
    assert (await run(workspace, mechanism, "false", failed)).exit_code == 1
    assert not (tmp_path / "collected").exists()
