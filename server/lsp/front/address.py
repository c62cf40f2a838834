"""Address of the resident server for one user, program and environment: a Unix socket that only this user can open.

A hash of all that may change a server's answers is part of the name: program, machine, and environment variables. So
windows with different environments, versions or installations never share a process. Variables that merely identify a
window or terminal do not count. Imports little, because an editor waits for the front. Start at `find_address`.
"""

from __future__ import annotations

import hashlib
import os
import sys

from server.state import run_folder
from server.version import VERSION

PROTOCOL = 1
"""Version of what front and resident server say to each other besides LSP."""
LONGEST_PATH = 100  # bytes of a socket's path; macOS allows 104 and Linux 108, the end mark included
ENTRY = os.path.join(os.path.dirname(os.path.abspath(run_folder.__file__)), "..", "..", "starling_lsp.py")  # noqa: PTH100, PTH118, PTH120 (pathlib takes longer)
# They differ between windows and terminals, and nothing that a server starts uses them.
OF_WINDOWS = frozenset({
    "_", "COLUMNS", "COLORTERM", "DESKTOP_STARTUP_ID", "GNOME_TERMINAL_SCREEN", "GPG_TTY", "INVOCATION_ID",
    "JOURNAL_STREAM", "KITTY_PID", "KITTY_WINDOW_ID", "LINES", "NVIM", "NVIM_LISTEN_ADDRESS", "OLDPWD", "PWD", "SHLVL",
    "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "STY", "SYSTEMD_EXEC_PID", "TERM", "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION", "TERM_SESSION_ID", "TMUX", "TMUX_PANE", "TTY", "WEZTERM_PANE", "WINDOW", "WINDOWID",
    "XDG_ACTIVATION_TOKEN", "XDG_SESSION_ID",
})  # fmt: skip
WINDOW_PREFIXES = ("VSCODE_", "ALACRITTY_", "ITERM_", "KONSOLE_", "VTE_", "ZED_")


def find_address(only: str = "") -> str:
    """Return the path of the socket for this process's environment; "" if its folder's name is too long.

    Args:
        only: any text that keeps other fronts away from this address; "" for the shared address.
    """
    folder = run_folder.find_run_folder()
    if not folder:
        from server.state import paths  # noqa: PLC0415 (10 ms that are seldom needed)

        folder = str(paths.run_dir())
    path = os.path.join(folder, f"serve-{_hash_identity(only)}.sock")  # noqa: PTH118 (as above)
    return path if len(os.fsencode(path)) <= LONGEST_PATH else ""


def _hash_identity(only: str) -> str:
    """Return a hash of program, machine and environment variables, and of `only`."""
    with open(ENTRY, "rb") as entry:  # noqa: PTH123 (as above)
        installed = os.fstat(entry.fileno()).st_mtime_ns  # changes when the same version is installed again
    variables = (
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if name not in OF_WINDOWS and not name.startswith(WINDOW_PREFIXES)
    )
    identity = (
        str(PROTOCOL), VERSION, str(installed), os.path.realpath(ENTRY), os.path.realpath(sys.prefix), sys.executable,
        getattr(os, "uname", lambda: ("", ""))()[1], only, *variables,
    )  # fmt: skip
    return hashlib.sha256("\0".join(identity).encode("utf-8", "surrogateescape")).hexdigest()[:16]
