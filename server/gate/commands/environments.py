"""Environments of commands: the variables that programs need, without keys and without Starling's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT = "STARLING_KEPT_"  # as in editors/vscode/src/launch.ts and editors/neovim/lua/starling/server.lua

AGENT_SOCKET = "SSH_AUTH_SOCK"

_PASSED_ON = frozenset({
    "CARGO_HOME", "COMSPEC", "CONDA_PREFIX", "GOPATH", "GOROOT", "HOME", "HOMEDRIVE", "HOMEPATH", "JAVA_HOME", "LANG",
    "LANGUAGE", "LOGNAME", "NIX_PATH", "NIX_PROFILES", "NODE_PATH", "NUMBER_OF_PROCESSORS", "NVM_DIR", "OS", "PATH",
    "PATHEXT", "PROCESSOR_ARCHITECTURE", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "PYENV_ROOT", "PYTHONPATH",
    "RBENV_ROOT", "REQUESTS_CA_BUNDLE", "RUSTUP_HOME", "SHELL", "SSL_CERT_DIR", "SSL_CERT_FILE", "SYSTEMDRIVE",
    "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ", "USER", "USERNAME", "USERPROFILE", "APPDATA", "LOCALAPPDATA",
    "VIRTUAL_ENV", "WINDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME",
})  # fmt: skip
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
_SECRET = re.compile(r"key|token|secret|passw|credential|auth|^starling_", re.IGNORECASE)
_QUIET = {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}
"""Variables for a command that has no terminal: nobody could scroll in its output or answer it."""


def restore_shell_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return `variables` without Starling's own, as the person's shell has them.

    Editors pass on variables that must not affect the server with the prefix `KEPT`; those get their names back.
    """
    kept = {name.removeprefix(KEPT): value for name, value in variables.items() if name.startswith(KEPT)}
    return {name: value for name, value in variables.items() if not name.startswith("STARLING_")} | kept


def build_environment(variables: Mapping[str, str], temporary: str, *, credentials: bool = False) -> dict[str, str]:
    """Return the environment of a command: those of `variables` that programs need, and none that is secret.

    Leaves out proxies with a password. Adds variables for a command without a terminal, and for its temporary files.

    Args:
        variables: the variables of this program.
        temporary: the command's folder for temporary files.
        credentials: whether the command may use the person's ssh-agent.
    """
    passed = list_inherited_variables(variables)
    if credentials and AGENT_SOCKET in variables:
        passed[AGENT_SOCKET] = variables[AGENT_SOCKET]
    cache = {"GOCACHE": f"{temporary}/go-build"}  # Go compiles nothing where its cache cannot be written
    return passed | _QUIET | cache | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary)


def list_inherited_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return those of `variables` that every command inherits, with the values of the person's shell.

    Leaves out secrets by their names, and proxies with a password.
    """
    return {name: value for name, value in restore_shell_variables(variables).items() if _is_inherited(name, value)}


def _is_inherited(name: str, value: str) -> bool:
    """Return whether every command inherits the variable `name` with this value."""
    if _SECRET.search(name):
        return False
    upper = name.upper()
    if upper in _PROXIES:
        return "@" not in value
    return upper in _PASSED_ON or upper.startswith("LC_")
