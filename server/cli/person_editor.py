"""The editor that a person has chosen for short texts (`VISUAL`, `EDITOR`). Start at `edit_text`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import starling_files

LONGEST = 1_000_000
"""Bytes of an edited text."""


def find_editor() -> str:
    """Return the command line of the person's editor; "" if none is chosen."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""


def edit_text(text: str) -> str:
    """Have the person edit `text` in a private temporary file, and return the edited text. Blocking.

    Raises:
        OSError: the editor cannot be started, or the file cannot be read afterwards.
        ValueError: the command line of the editor cannot be split into words, the editor failed, or the edited text is
            not UTF-8.
    """
    command = shlex.split(find_editor(), posix=os.name == "posix")
    with tempfile.TemporaryDirectory(prefix="starling-") as folder:
        path = Path(folder, "plan.txt")
        starling_files.write_file(path, text.encode())
        ended = subprocess.run([*command, str(path)], stdout=sys.stderr, check=False)  # stdout is for the answer
        if ended.returncode != 0:
            raise ValueError(f"{command[0]} ended with status {ended.returncode}")
        return starling_files.read_text(path, LONGEST)
