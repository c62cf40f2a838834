"""Sandbox for small programs that a model wrote parts of: a process with little time and memory, and no writing.

The child is isolated from this environment, the kernel enforces its limits, and an audit hook, which Python code cannot
remove, refuses files opened for writing, the network, other processes and changes of the file system. The sandbox is
for benchmark programs, not for hostile ones. Start at `is_passing`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

NEEDED = ("SYSTEMROOT",)  # Windows starts no Python without
SECONDS = 5
MEMORY_BYTES = 512 << 20
LONGEST_SAID = 500  # characters
TOO_LONG = "It takes too long or too much memory."
_HARNESS = """
import sys
try:
    import resource
except ImportError:  # Windows: the time limit of the parent has to do
    pass
else:
    resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
    resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
source = compile(sys.stdin.read(), "program", "exec")
import collections, functools, hashlib, heapq, itertools, math, re, string, typing, copy, random, statistics, decimal
def refuse(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and not set(arguments[1]) & set("wax+"):
        return
    if event == "open" or event.partition(".")[0] in ("os", "socket", "subprocess", "shutil", "ctypes", "signal"):
        if event not in ("os.listdir", "os.scandir"):
            raise PermissionError(event)
sys.addaudithook(refuse)
exec(source, {{"__name__": "program"}})
"""


def is_passing(program: str) -> bool:
    """Run `program`; return whether it ends without an exception, within the limits of time and memory."""
    return run(program) is None


def run(program: str) -> str | None:
    """Run `program`; return None if it ends without an exception, else the last line of its error output."""
    harness = _HARNESS.format(seconds=SECONDS, memory=MEMORY_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", harness],
                input=program,
                cwd=folder,
                env={"PYTHONHASHSEED": "0"} | {name: os.environ[name] for name in NEEDED if name in os.environ},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=4 * SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return TOO_LONG
    if done.returncode == 0:
        return None
    said = done.stderr.strip().rpartition("\n")[2]
    return said[:LONGEST_SAID] or TOO_LONG
