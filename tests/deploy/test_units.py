"""The units of systemd: what they start exists, they confine it, and agents' commands can still be confined in them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.exceptions import TyperException

from agents.team.queue.worker import STOP_S
from server.gate.commands import bubblewrap, launcher
from server.work.life_signs import RENEW_S
from tests.deploy.deployed import DEPLOY, PAGE, SERVE_UNIT, WORK_UNIT, check_command, read_unit

if TYPE_CHECKING:
    from pathlib import Path

WORK, SERVE = read_unit(WORK_UNIT), read_unit(SERVE_UNIT)
PROGRAM = "/opt/starling/bin/starling"
UNITS = pytest.mark.parametrize("unit", [WORK_UNIT, SERVE_UNIT], ids=lambda path: path.name)
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing (Debian's package `systemd`)"
)
MOST_EXPOSURE = 40  # tenths of systemd's figure from 0 (closed) to 10 (open)
NAMESPACES = {"--unshare-pid": "pid", "--unshare-ipc": "ipc", "--unshare-uts": "uts", "--unshare-cgroup-try": "cgroup"}


@UNITS
def test_a_unit_starts_a_command_that_the_program_has(unit: Path) -> None:
    (line,) = read_unit(unit)["ExecStart"]
    program, _, arguments = line.partition(" ")
    assert program == PROGRAM
    assert check_command(arguments) == {WORK_UNIT: "work", SERVE_UNIT: "serve"}[unit]


def test_an_option_that_the_program_lacks_is_found() -> None:
    with pytest.raises(TyperException, match="--for-ever"):
        check_command("work --for-ever")


def test_the_worker_has_a_user_of_its_own_that_is_made_by_sysusers() -> None:
    (made,) = re.findall(
        r"^u (\S+) - .* (\S+) /usr/sbin/nologin$", (DEPLOY / "systemd" / "starling.conf").read_text(), re.MULTILINE
    )
    assert made == (WORK["User"][0], "/var/lib/starling")
    assert WORK["Group"] == WORK["User"] == ["starling"]
    assert WORK["StateDirectory"] == ["starling"]
    assert "STARLING_HOME=%S/starling" in WORK["Environment"][0].split()


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        ("ProtectSystem", "strict"),
        ("ReadWritePaths", "%f/.git"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("StateDirectoryMode", "0700"),
        ("UMask", "0077"),
        ("LockPersonality", "yes"),
        ("SystemCallArchitectures", "native"),
    ],
)
def test_the_worker_is_confined(directive: str, value: str) -> None:
    assert WORK[directive] == [value]


@UNITS
def test_a_unit_bounds_memory_and_processes_and_starts_again_only_so_often(unit: Path) -> None:
    found = read_unit(unit)
    assert all(re.fullmatch(r"\d+[GM]?", found[name][0]) for name in ("MemoryHigh", "MemoryMax", "TasksMax"))
    assert found["Restart"] == ["on-failure"]
    assert int(found["StartLimitBurst"][0]) < 10


def test_the_worker_can_confine_the_commands_of_agents() -> None:
    allowed = set(WORK["RestrictNamespaces"][0].split())
    wanted = {NAMESPACES[one] for one in bubblewrap._SEPARATE if one in NAMESPACES}
    assert allowed >= wanted | {"user", "mnt"} | ({"net"} if "--unshare-net" in bubblewrap._NO_NETWORK else set())
    assert all(one in NAMESPACES for one in bubblewrap._SEPARATE if one.startswith("--unshare"))
    calls = set(WORK["SystemCallFilter"][0].split())
    assert calls >= {"@mount", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"}
    assert "AF_NETLINK" in WORK["RestrictAddressFamilies"][0]  # switches on the loopback of a network namespace
    assert launcher.FAILED  # the fallback without bubblewrap


@pytest.mark.parametrize(
    "directive", ["ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc", "ProcSubset", "RestrictSUIDSGID"]
)
def test_a_directive_with_which_bubblewrap_does_not_work_is_left_out(directive: str) -> None:
    assert directive not in WORK
    assert directive not in SERVE
    assert directive in WORK_UNIT.read_text()  # the unit says why


def test_systemd_waits_longer_than_the_worker_takes() -> None:
    assert WORK["Type"] == ["notify"]
    assert int(WORK["WatchdogSec"][0]) >= 3 * RENEW_S
    assert int(WORK["TimeoutStopSec"][0]) > 2 * STOP_S


def test_the_language_server_listens_on_this_machine_alone() -> None:
    (line,) = SERVE["ExecStart"]
    assert "--tcp 127.0.0.1:" in line
    assert "--token-file %E/starling/" in line
    assert "--allow-remote" not in line
    assert SERVE["ConfigurationDirectoryMode"] == ["0700"]
    assert "User" not in SERVE  # it is the person's own service


def test_the_page_names_the_units() -> None:
    assert {unit.name for unit in (WORK_UNIT, SERVE_UNIT)} <= set(re.findall(r"[\w@-]+\.service", PAGE))


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a folder with the units, which start Python in the place of the program: it is not installed here."""
    for unit in (WORK_UNIT, SERVE_UNIT):
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, sys.executable))
    return tmp_path


def run_systemd_analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `systemd-analyze` and return what came of it."""
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@needs_systemd
@UNITS
def test_systemd_finds_no_mistake(unit: Path, units: Path) -> None:
    checked = run_systemd_analyze("verify", "--man=no", units / unit.name)
    assert (checked.returncode, checked.stderr) == (0, "")


@needs_systemd
def test_systemd_finds_a_mistake(units: Path) -> None:
    broken = units / WORK_UNIT.name
    broken.write_text(broken.read_text().replace("NoNewPrivileges=yes", "NoNewPrivileges=perhaps"))
    assert "perhaps" in run_systemd_analyze("verify", "--man=no", broken).stderr


@needs_systemd
def test_systemd_counts_the_worker_among_the_confined_services(units: Path) -> None:
    options = ("--no-pager", "--offline=true", f"--threshold={MOST_EXPOSURE}")
    if "--offline" not in run_systemd_analyze("--help").stdout:
        pytest.skip("systemd-analyze is older than version 250")
    checked = run_systemd_analyze("security", *options, units / WORK_UNIT.name)
    assert checked.returncode == 0, checked.stdout[-2000:]
