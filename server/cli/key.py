"""`starling key`: stores the key of an endpoint in the system's keyring, or removes it. Start at `key`."""

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
    name: Annotated[str, typer.Argument(help="A name for the key; set `chat.keyring` to it.")],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the key from the keyring.")] = False,
) -> None:
    """Store the key of an endpoint in the system's keyring. Asks for the key and does not show it."""
    from models.chat import ChatError  # noqa: PLC0415
    from models.remote import keys  # noqa: PLC0415 (used only here)

    if not NAME.fullmatch(name):
        raise Misuse(
            "The name of a key has at most 60 letters, digits, dots, dashes and underscores; choose another one."
        )
    try:
        if remove:
            if not keys.delete_from_keyring(name):
                raise Failure(f"The system's keyring has no key called {name}.")
            terminal.note(f"{name} was removed from the system's keyring.")
            return
        keys.read_from_keyring(name)  # fails without a keyring, before anybody types a key
        keys.store_in_keyring(name, _read_key(name))
    except ChatError as error:
        raise Failure(str(error)) from error
    terminal.note(f'{name} is in the system\'s keyring; name it in your settings.toml: [chat] keyring = "{name}"')


def _read_key(name: str) -> str:
    """Return the key called `name`: typed at the terminal without being shown, or the first line of a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return getpass.getpass(f"Key {name} (not shown): ").strip()
