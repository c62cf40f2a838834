"""A workspace whose own folders have our names, and whose own modules have the names of what we import.

Each of them leaves a mark and raises when it is imported, and the program is started in the workspace with
PYTHONPATH=. as some people have it. What `site` itself loads before any program runs (`sitecustomize`,
`usercustomize`) cannot be held off by one: our editors start it without Python's variables, and it starts its own
processes so that none of them loads it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from lsprotocol import types

import starling_lsp
from server.cli.tour.demo_places import DemoPlace
from server.lsp.demo_client import DemoClient

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(starling_lsp.__file__).resolve().parent
# What an installer writes into bin/starling, after the .pth file of an editable install was read.
SCRIPT = f"import sys\nsys.path.append({str(ROOT)!r})\nfrom starling_lsp import main\nsys.exit(main())\n"
TRAP = """
import os
open(os.path.join(os.path.dirname(__file__), {mark!r}), "w").close()
raise ImportError("the trap " + __name__)
"""
MARK = "sprung"
PACKAGES = [
    "server",
    "agents",
    "models",
    "indexing",
    "pygls",
    "lsprotocol",
    "numpy",
    "ctranslate2",
    "tokenizers",
    "pydantic",
]
PACKAGES += ["structlog", "typer", "rich", "tree_sitter", "tree_sitter_python", "json", "asyncio"]
PACKAGES += ["logging", "concurrent", "multiprocessing", "importlib_metadata", "tomllib", "email"]
MODULES = [
    "httpx",
    "psutil",
    "pathspec",
    "platformdirs",
    "filelock",
    "watchfiles",
    "dataclasses",
    "subprocess",
    "socket",
]
MODULES += ["argparse", "tempfile", "threading", "queue", "signal", "struct", "sqlite3", "mmap", "random", "ipaddress"]
CODE = """\
def area_of_circle(radius):
    return 3.14159 * radius * radius


def area_of_ring(radius):
    return 3.14159 * """


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """Return a workspace whose packages and modules have the names of Starling's and of its libraries."""
    root = tmp_path / "workspace"
    for name in PACKAGES:
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_text(TRAP.format(mark=MARK))
    for name in MODULES:
        (root / f"{name}.py").write_text(TRAP.format(mark=f"{name}.{MARK}"))
    (root / "area.py").write_text(CODE + "radius * radius\n")
    (root / ".env").write_text("PYTHONPATH=.\n")
    (root / ".starling.toml").write_text("[completion]\nmin_confidence = 0.0\n")
    return root


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a new home, and with the working directory on Python's path."""
    return {**os.environ, "PYTHONPATH": ".", "STARLING_HOME": str(tmp_path / "home")}


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """Return the command line of an installed `starling`."""
    script = tmp_path / "bin" / "starling"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    return [sys.executable, str(script)]


def run(program: list[str], *arguments: str, cwd: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Run a command of the program, which must succeed, and return the JSON it prints."""
    done = subprocess.run(
        [*program, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "the trap" not in done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def find_sprung_traps(trap: Path) -> list[str]:
    """Return the marks that modules of the workspace have left, because the program has imported them."""
    return sorted(str(path.relative_to(trap)) for path in trap.rglob(f"*{MARK}"))


def test_the_traps_work(trap: Path, surroundings: dict[str, str]) -> None:
    for name in ("server", "pygls", "httpx"):
        done = subprocess.run(
            [sys.executable, "-c", f"import {name}"],
            cwd=trap,
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert f"the trap {name}" in done.stderr
    # a traceback of Python 3.14 imports more of the standard library
    assert {"httpx.sprung", "pygls/sprung", "server/sprung"} <= set(find_sprung_traps(trap))


def test_the_doctor_finds_everything_well(trap: Path, surroundings: dict[str, str], program: list[str]) -> None:
    found = run(program, "doctor", "--json", cwd=trap, env=surroundings)
    assert found["ok"] is True
    assert found["program"]["root"] == str(ROOT)
    assert find_sprung_traps(trap) == []


def test_the_index_and_its_process_are_ours(trap: Path, surroundings: dict[str, str], program: list[str]) -> None:
    found = run(program, "index", "--json", cwd=trap, env=surroundings)
    assert found["files"] >= len(PACKAGES) + len(MODULES) + 1
    assert found["worked"] is True
    assert find_sprung_traps(trap) == []


def test_a_search_finds_code_in_the_workspace(trap: Path, surroundings: dict[str, str], program: list[str]) -> None:
    found = run(program, "search", "area_of_circle", "--json", cwd=trap, env=surroundings)
    assert found["results"][0]["file"] == "area.py"
    assert find_sprung_traps(trap) == []


async def test_the_server_completes_code_in_the_workspace(
    trap: Path, surroundings: dict[str, str], program: list[str]
) -> None:
    client = DemoClient(trap, lambda _: None)
    await client.launch([*program, "serve"], {**surroundings, "STARLING_MODEL__ENABLED": "false"})
    try:
        end = time.monotonic() + 60
        status: dict[str, Any] = {}
        while status.get("state") != "ready" and time.monotonic() < end:
            await asyncio.sleep(0.1)
            status = (await client.run_command("starling.status"))["index"] or {}
        assert status["state"] == "ready"
        before = CODE.splitlines()[-1]
        place = DemoPlace(trap / "ring.py", "ring.py", "python", "", CODE, len(CODE.splitlines()) - 1, before, "")
        answer = await client.complete(place, types.InlineCompletionTriggerKind.Automatic)
        assert answer.text == "radius * radius"
    finally:
        await client.finish()
    assert find_sprung_traps(trap) == []
    assert not any("the trap" in problem for problem in client.problems)


async def test_every_process_of_the_program_keeps_the_workspace_off_its_path(
    trap: Path, surroundings: dict[str, str], program: list[str]
) -> None:
    client = DemoClient(trap, lambda _: None)
    await client.launch([*program, "serve"], surroundings)
    try:
        seen: set[tuple[str, ...]] = set()
        end = time.monotonic() + 60
        while not seen and time.monotonic() < end:
            seen = {tuple(child.cmdline()) for child in psutil.Process(client.process_id).children(recursive=True)}
            await asyncio.sleep(0.01)
        assert seen
        assert all("-I" in command for command in seen)
    finally:
        await client.finish()


def test_it_works_inside_its_own_checkout_with_that_on_the_path(
    surroundings: dict[str, str], program: list[str]
) -> None:
    found = run(program, "models", "list", "--json", cwd=ROOT, env=surroundings)
    assert found["models"]


CUSTOM = "import os\nwith open({log!r}, 'a') as file:\n    file.write(f'{{os.getpid()}}\\n')\n"


@pytest.fixture
def load_log(tmp_path: Path, trap: Path) -> Path:
    """Return the file to which the workspace's `sitecustomize` and `usercustomize` write the ids of their processes."""
    log = tmp_path / "loaded"
    log.touch()
    for name in ("sitecustomize", "usercustomize"):
        (trap / f"{name}.py").write_text(CUSTOM.format(log=str(log)))
    return log


def read_loaders(load_log: Path) -> set[int]:
    """Return the ids of the processes in `load_log`."""
    return {int(line) for line in load_log.read_text().split()}


async def list_server_processes(command: list[str], trap: Path, environment: dict[str, str]) -> set[int]:
    """Wait in a session until the workspace is indexed; return the ids of the server's processes."""
    client = DemoClient(trap, lambda _: None)
    await client.launch([*command, "serve"], environment)
    try:
        end = time.monotonic() + 60
        status: dict[str, Any] = {}
        family: set[int] = set()
        while status.get("state") != "ready" and time.monotonic() < end:
            family |= {child.pid for child in psutil.Process(client.process_id).children(recursive=True)}
            status = (await client.run_command("starling.status"))["index"] or {}
            await asyncio.sleep(0.05)
        assert status["state"] == "ready"
        return family | {client.process_id}
    finally:
        await client.finish()


async def test_no_process_started_as_our_editors_do_loads_the_workspaces_customization(
    trap: Path, surroundings: dict[str, str], program: list[str], load_log: Path
) -> None:
    cleaned = {**surroundings, "PYTHONPATH": "", "STARLING_KEPT_PYTHONPATH": "."}
    assert len(await list_server_processes(program, trap, cleaned)) > 1
    assert read_loaders(load_log) == set()


async def test_no_process_that_the_program_starts_loads_the_workspaces_customization(
    trap: Path, surroundings: dict[str, str], program: list[str], load_log: Path
) -> None:
    family = await list_server_processes(program, trap, surroundings)
    loaded = read_loaders(load_log)
    assert len(family & loaded) == 1  # the first process cannot help it, which the README says
    run(program, "doctor", "--json", cwd=trap, env=surroundings)
    assert len(read_loaders(load_log) - loaded) == 1
