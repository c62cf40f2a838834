"""Prints as JSON the properties that this process got from its starter, and the state of its interpreter.

With `--through`, it starts this module as the program starts its own processes, and prints what that one got.
"""

from __future__ import annotations

import contextlib
import gc
import json
import locale
import os
import random
import resource
import signal
import sys
import threading
from pathlib import Path

MEMORY_BYTES = 1_000_000_000


def list_descriptors() -> list[str]:
    """Return the targets of all open descriptors except libraries, for newer versions of libffi open their own."""
    kinds = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the listing
            target = str(link.readlink())
            if ".so" not in target:
                kinds.append(target.split(":", maxsplit=1)[0])
    return sorted(kinds)


def survey() -> dict[str, object]:
    """Return the properties that must be equal in a fork and a new process; `own` differs between any two."""
    umask = os.umask(0)
    os.umask(umask)
    signals = [signal.getsignal(number) for number in signal.valid_signals()]
    return {
        "arguments": sys.argv,
        "path": sys.path,
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "umask": umask,
        "parent, group and session": [os.getppid(), os.getpgrp(), os.getsid(0)],
        "descriptors": list_descriptors(),
        "streams": [
            (one.encoding, one.errors, one.line_buffering, one.seekable())  # type: ignore[attr-defined]
            for one in (sys.stdin, sys.stdout, sys.stderr)
        ],
        "signals": [str(handler) if handler is None else getattr(handler, "__name__", handler) for handler in signals],
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "garbage": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.get_debug()],
        "switching": sys.getswitchinterval(),
        "recursion": sys.getrecursionlimit(),
        "locale": locale.setlocale(locale.LC_ALL),
        "flags": str(sys.flags),
        "threads": [thread.name for thread in threading.enumerate()],
        "main": sys.modules["__main__"].__dict__.get("__file__"),
        "niceness": os.nice(0),
        "input": sys.stdin.read(),
        "memory": resource.getrlimit(resource.RLIMIT_DATA),  # set before anything is written
        "own": [os.getpid(), random.random()],  # noqa: S311
        "command": Path("/proc/self/cmdline").read_text().rstrip("\0").split("\0"),
    }


def survey_child(told: bytes) -> dict[str, object]:
    """Return the survey of a child that is started as the program starts its own; `told` is its input."""
    from indexing.process import spawning  # noqa: PLC0415 (a fork has imported it)

    process = spawning.spawn("tests.wire.surveying", Path.cwd(), MEMORY_BYTES)
    out, _ = process.communicate(told)
    found = dict(json.loads(out))
    assert process.returncode == 3
    parent, group, session = found["parent, group and session"]
    place = {os.getpid(): "the one that starts it", process.pid: "itself", os.getsid(0): "that of the session"}
    return {**found, "parent, group and session": [place[one] for one in (parent, group, session)]}


def main() -> None:
    """Print the survey."""
    found = survey_child(sys.stdin.buffer.read()) if "--through" in sys.argv else survey()
    print(json.dumps(found, default=str))  # noqa: T201
    sys.exit(3)


if __name__ == "__main__":
    main()
