"""A program of its own: confines itself by Landlock and a filter of system calls, then runs a command and ends it.

Started as `python -I -S launcher.py SPECIFICATION` on Linux, because a server with threads cannot confine only a child.
Uses nothing but Python's standard library, writes no file and asks nobody. All processes of the command end with it, or
when the server has ended. If the command cannot be confined, it is not run: the status is then `FAILED`, and the output
begins with `PREFIX`. Start at `main`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import platform
import signal
import socket
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAILED = 125
PREFIX = "starling could not confine the command: "
GRACE_S = 2  # between SIGTERM and SIGKILL; less than `groups.GRACE_S`

SOCKET_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""For each machine: its number in the kernel's audit, and the number of the system call `socket`."""

_SET_DEATH_SIGNAL, _SET_SECCOMP, _SET_NO_NEW_PRIVILEGES, _SET_SUBREAPER = 1, 22, 38, 36  # of prctl
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls of Landlock
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_IO_URING_SETUP, _X32 = 425, 0x40000000

# Rights of Landlock; all that change a file system are handled, so that they are denied where no rule grants them.
_WRITE_FILE, _REFER, _TRUNCATE, _USE_DEVICE = 1 << 1, 1 << 13, 1 << 14, 1 << 15
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))
_CHANGE = _WRITE_FILE | _CHANGE_FOLDERS | _REFER | _TRUNCATE
_OF_FILES = _WRITE_FILE | _TRUNCATE
_USE_TCP = 1 << 0 | 1 << 1
_SIGNAL_OTHERS = 1 << 0 | 1 << 1  # and abstract sockets
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/shm")  # noqa: S108

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Specification:
    """The command and its confinement.

    Attributes:
        parent: process id of the server; the command ends with it.
        command: program and arguments.
        abi: version of Landlock, 0 for no confinement at all.
        writable: files and folders that may be changed.
        network: whether the network is open.
        own_network: whether the command gets a network of its own with nothing but its loopback, where it is closed.
        unix_sockets: whether it may speak to other programs on this machine, such as the ssh-agent.
    """

    parent: int
    command: list[str]
    abi: int = 0
    writable: list[str] | None = None
    network: bool = True
    own_network: bool = False
    unix_sockets: bool = False


def main(specification: str) -> int:
    """Run a command, with this process confined first unless `abi` is 0, and kill its descendants; return its status.

    The status of a command that a signal ended is 128 and the signal's number. Returns `FAILED`, and runs nothing, if
    the process cannot be confined. `specification` is a `Specification` as JSON.
    """
    wanted = Specification(**json.loads(specification))
    try:
        _prepare_ending(wanted.parent)
        if wanted.abi:
            _confine(wanted)
    except OSError as error:
        sys.stdout.write(f"{PREFIX}{error}\n")
        return FAILED
    child = os.fork()
    if child == 0:
        _replace_process(wanted.command)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE_S))
    signal.signal(signal.SIGALRM, lambda *_: _kill_descendants())
    status = _wait_for(child)
    _end_descendants()
    return os.waitstatus_to_exitcode(status) % 256 if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def probe_landlock() -> int:
    """Return the version of Landlock that the kernel has; 0 for none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def _prepare_ending(parent: int) -> None:
    """Have this process end with its parent, and become the parent of orphans among its descendants.

    Raises:
        OSError: the parent has ended, or the kernel refuses.
    """
    _control(_SET_DEATH_SIGNAL, signal.SIGTERM)
    _control(_SET_SUBREAPER, 1)
    if os.getppid() != parent:
        raise OSError(errno.ESRCH, "the server has ended")


def _replace_process(command: list[str]) -> None:
    """Replace this process by the command; end it with status 127 if that is impossible."""
    try:
        os.execvp(command[0], command)  # noqa: S606 (a command that a person has permitted)
    except OSError as error:
        sys.stdout.write(f"{command[0]}: {error.strerror}\n")
        sys.stdout.flush()
    os._exit(127)


def _wait_for(child: int) -> int:
    """Wait until `child` ends, reaping orphans meanwhile; return the wait status of `child`."""
    while True:
        ended, status = os.wait()
        if ended == child:
            return status


def _end_descendants() -> None:
    """Kill all descendants and wait until they have ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            _kill_descendants()
            os.wait()


def _kill_descendants() -> None:
    """Kill all descendants of this process that `/proc` lists now; does not wait for their end."""
    parents = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 (names alone are wanted)
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = Path(f"/proc/{int(name)}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            parents[int(name)] = int(words[1])
    doomed = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in doomed} - doomed:
        doomed |= more
    for process in doomed - {os.getpid()}:
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)


def _confine(wanted: Specification) -> None:
    """Take from this process, for ever, the rights that `wanted` does not grant.

    Raises:
        OSError: the kernel refuses.
    """
    if not wanted.network and wanted.own_network:
        _enter_own_network()
    _control(_SET_NO_NEW_PRIVILEGES, 1)
    _restrict_files(wanted)
    _filter_calls(sockets=wanted.network or wanted.own_network, unix_sockets=wanted.unix_sockets)


def _enter_own_network() -> None:
    """Move this process into a new user and a new network namespace; switch on the loopback, all that network has.

    Raises:
        OSError: the system does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    _check(_libc.unshare(_NEW_USER | _NEW_NETWORK), "a network of its own")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up and running


def _restrict_files(wanted: Specification) -> None:
    """Forbid changes of files outside of the writable places, TCP if the network is closed, and signals to others.

    Raises:
        OSError: the kernel refuses.
    """
    changes = _CHANGE | (_USE_DEVICE if wanted.abi >= 5 else 0)
    fields = [changes]
    if wanted.abi >= 4:
        fields.append(0 if wanted.network else _USE_TCP * (not wanted.own_network))
    if wanted.abi >= 6:
        fields.append(_SIGNAL_OTHERS)
    attributes = struct.pack(f"{len(fields)}Q", *fields)
    rules = _check(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0), "Landlock")
    for path in (*(wanted.writable or ()), *_DEVICES):
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # it does not exist, so nothing has to be granted
        try:
            granted = changes if stat.S_ISDIR(os.fstat(place).st_mode) else changes & (_OF_FILES | _USE_DEVICE)
            rule = struct.pack("=Qi", granted, place)
            _check(_libc.syscall(_ADD_RULE, rules, 1, rule, 0), path)
        finally:
            os.close(place)
    _check(_libc.syscall(_RESTRICT_SELF, rules, 0), "Landlock")
    os.close(rules)


def _filter_calls(*, sockets: bool, unix_sockets: bool) -> None:
    """Forbid io_uring, and sockets as the arguments say; socket pairs within the command and Netlink stay allowed.

    Args:
        sockets: whether all sockets are allowed except Unix sockets.
        unix_sockets: whether Unix sockets are allowed; through these, other programs can act for the command.

    Raises:
        OSError: the kernel refuses, or the machine is unknown.
    """
    machine = platform.machine()
    if machine not in SOCKET_CALLS:
        raise OSError(errno.ENOSYS, f"the system calls of {machine} are unknown")
    architecture, socket_call = SOCKET_CALLS[machine]
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    allow, deny = 0x7FFF0000, 0x00050000 | errno.EPERM
    program = (
        (load, 0, 0, 4), (equal, 1, 0, architecture), (answer, 0, 0, deny),
        (load, 0, 0, 0), (at_least, 0, 1, _X32), (answer, 0, 0, deny),
        (equal, 0, 1, _IO_URING_SETUP), (answer, 0, 0, deny),
        (equal, 1, 0, socket_call), (answer, 0, 0, allow),
        (load, 0, 0, 16), (equal, 0, 1, socket.AF_UNIX),
        (answer, 0, 0, allow if unix_sockets else deny),
        (equal, 1, 0, socket.AF_NETLINK), (answer, 0, 0, allow if sockets else deny), (answer, 0, 0, allow),
    )  # fmt: skip
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(instructions))
    _control(_SET_SECCOMP, 2, header)


def _control(option: int, *values: Any) -> None:  # noqa: ANN401 (an integer or a buffer)
    """Make the system call `prctl` with `option` and `values`.

    Raises:
        OSError: the kernel refuses.
    """
    numbers = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in values]
    padding = [ctypes.c_ulong(0)] * (4 - len(values))
    _check(_libc.prctl(option, *numbers, *padding), f"prctl {option}")


def _check(answer: int, what: str) -> int:
    """Return `answer`, the result of a system call, if it is not negative.

    Raises:
        OSError: the call failed; the message names `what` it was about.
    """
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
