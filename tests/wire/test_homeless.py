"""Users without a home: the server works with less and says once what is missing; commands say it in a sentence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.wire import forking
from tests.wire.conftest import wait_for
from tests.wire.serving import build_frame, build_initialize, parse_bodies

HOMELESS = [sys.executable, str(Path(__file__).with_name("homeless.py"))]
# the variables about the home in the environment; {} is the test's folder
HOMES: dict[str, dict[str, str]] = {
    "none": {},
    "of nobody": {"STARLING_HOME": "~nouser/x"},
    "relative": {"HOME": "here"},
    "a file": {"HOME": "{}/file"},
    "not to be written to": {"HOME": "/proc/starling"},
    "of Starling a file": {"STARLING_HOME": "{}/file"},
}
REAL = {"none"}  # of these every process is new: a module that asks for the home when it is imported fails here
HOME = pytest.mark.parametrize("home", HOMES)


async def run(
    folder: Path, home: str, *arguments: str, sent: bytes = b"", until: bytes = b"", real: bool | None = None
) -> tuple[int, bytes, str]:
    """Run the program for the user `home` in a workspace of one file; return status, stdout and stderr.

    The input stays open until stdout matches `until`: a server whose input has ended does not answer for long.
    """
    (folder / "workspace").mkdir(exist_ok=True)
    (folder / "temporary").mkdir(exist_ok=True)
    (folder / "file").write_text("")
    (folder / "workspace" / "area.py").write_text("def area_of_circle(radius):\n    return 3 * radius * radius\n")
    kept = {name: value for name, value in os.environ.items() if name != "HOME" and not name.startswith("XDG_")}
    kept.pop("STARLING_HOME", None)
    said = {name: value.format(folder) for name, value in HOMES[home].items()}
    real = home in REAL if real is None else real
    with contextlib.nullcontext() if real else forking.fork_servers():
        process = await asyncio.create_subprocess_exec(
            *HOMELESS, *arguments, env={**kept, **said, "TMPDIR": str(folder / "temporary")}, cwd=folder / "workspace",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(sent)
    begun = b""
    while not re.search(until, begun) and (some := await wait_for(process.stdout.read(1 << 16))):
        begun += some
    out, err = await wait_for(process.communicate(b""))
    assert process.returncode is not None
    return process.returncode, begun + out, err.decode()


@HOME
async def test_the_server_works_and_says_once_what_is_missing(tmp_path: Path, home: str) -> None:
    folder = tmp_path / "workspace"
    ask = {"command": "starling.health"}
    told = [
        build_initialize(workspaceFolders=[{"uri": folder.as_uri(), "name": "w"}]),
        {"jsonrpc": "2.0", "method": "initialized", "params": {}},
        {"jsonrpc": "2.0", "id": 2, "method": "workspace/executeCommand", "params": ask},
    ]
    _, out, err = await run(tmp_path, home, "serve", sent=b"".join(map(build_frame, told)), until=rb'"id": ?2\b')
    answers = parse_bodies(out)
    health = next(answer["result"] for answer in answers if answer.get("id") == 2)
    said = [one["params"]["message"] for one in answers if one.get("method") == "window/showMessage"]
    assert len(said) == 1, said
    assert "STARLING_HOME" in said[0]
    assert "starting" not in json.dumps(health)
    assert "Traceback" not in err


@HOME
async def test_the_doctor_says_what_is_missing(tmp_path: Path, home: str) -> None:
    status, out, err = await run(tmp_path, home, "doctor", "--json")
    files = next(check for check in json.loads(out)["checks"] if check["part"] == "files")
    assert (status, files["state"], err) == (0, "warning", "")
    assert "STARLING_HOME" in files["remedy"]


COMMANDS = [
    "complete area.py:2:11", "index .", "search area_of_circle", "review area.py", "costs", "undo", "models list",
    "models show starling-mini", "models use completion starling-mini", "key openai",
    "generate area.py:1:1 -t docstring",
]  # fmt: skip


@HOME
async def test_every_command_ends_in_a_sentence(tmp_path: Path, home: str) -> None:
    first = list(HOMES).index(home)
    for command in COMMANDS if home == "none" else COMMANDS[first % 3 :: 3]:  # each at several homes
        status, _, err = await run(tmp_path, home, *command.split())
        assert status in (0, 1), (command, err)
        assert "Traceback" not in err, (command, err)
        assert "bug of Starling" not in err, (command, err)


async def test_files_that_others_planted_among_temporary_files_are_not_read(tmp_path: Path) -> None:
    uid = os.getuid() if hasattr(os, "getuid") else "user"
    planted = tmp_path / "temporary" / f"starling-{uid}" / "config"
    planted.mkdir(parents=True)
    (planted / "settings.toml").write_text("[completion]\nenabled = false\n")
    planted.parent.chmod(0o777)  # as if it were anybody's
    _, out, _ = await run(tmp_path, "none", "doctor", "--json", real=False)
    files = next(check for check in json.loads(out)["checks"] if check["part"] == "files")
    assert str(planted) not in json.dumps(files)
