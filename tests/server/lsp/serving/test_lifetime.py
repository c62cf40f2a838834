"""The end of the process."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform == "win32", reason="the command line is written for sh")
def test_commands_that_still_run_end_with_the_process(tmp_path: Path) -> None:
    code = (
        "import asyncio, pathlib, sys\n"
        "from server.gate.commands.bounded_output import BoundedOutput\n"
        "from server.gate.commands.groups import GroupCommand, run_group\n"
        "from server.lsp.serving import lifetime\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "async def main():\n"
        "    command = GroupCommand(('/bin/sh', '-c', 'echo $$ > pid; sleep 600'), folder, {}, 600, 10**12)\n"
        "    asyncio.ensure_future(run_group(command, BoundedOutput(1, 1)))\n"
        "    while not (folder / 'pid').exists() or not (folder / 'pid').read_text(): await asyncio.sleep(0.02)\n"
        "    lifetime.end(7)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60, check=False)
    assert ended.returncode == 7
    pid = int((tmp_path / "pid").read_text())
    _, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert alive == []
