"""`starling key`: puts the key of an endpoint into the system's keyring, or takes it out. Start at `key`."""

from __future__ import annotations

import getpass
import re
import sys
from typing import Annotated

import typer

from server.cli import terminal
from server.cli.terminal import Failure, Misuse

NAME = re.compile(r"[A-Za-z0-9._-]{1,60}")


def key(
    name: Annotated[str, typer.Argument(help="What to call it; `chat.keyring` names it so.")],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take it out of the keyring.")] = False,
) -> None:
    """Keep the key of an endpoint in the system's keyring. It is asked for, and shown nowhere."""
    from models.chat import ChatError  # noqa: PLC0415
    from models.remote import keys  # noqa: PLC0415 (for this command alone)

    if not NAME.fullmatch(name):
        raise Misuse("A key's name has letters, digits, dots and dashes, at most 60.")
    try:
        if remove:
            if not keys.delete_from_keyring(name):
                raise Failure(f"The system's keyring has no key called {name}.")
            terminal.note(f"{name} is out of the system's keyring.")
            return
        keys.read_from_keyring(name)  # whether there is a keyring, before anybody types a key
        keys.store_in_keyring(name, _asked(name))
    except ChatError as error:
        raise Failure(str(error)) from error
    terminal.note(f'{name} is in the system\'s keyring; name it in your settings.toml: [chat] keyring = "{name}"')


def _asked(name: str) -> str:
    """The key, typed unseen, or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return getpass.getpass(f"Key {name} (not shown): ").strip()
