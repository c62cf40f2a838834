"""`starling users`: the accounts of a server that people connect to over the network. Start at `app`."""

from __future__ import annotations

import contextlib
import getpass
import sys
import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.access.records import NAME, NAME_RULE, Account, AccountExists, Kind
from server.access.roles import Role
from server.cli import tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure, Misuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.access.records import Accounts
    from server.state.database import State

COLUMNS = (Column("NAME", typed=True), *map(Column, ("ROLE", "KIND", "STATE", "SUBJECT", "ADDED")))

Name = Annotated[str, typer.Argument(metavar="NAME", help="The login name.")]
RoleName = Annotated[Role, typer.Argument(metavar="ROLE", help="viewer, developer, approver or admin.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]

app = typer.Typer(help="Accounts of a server on the network: list, add, role, disable.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def list_users(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the accounts, by name."""
    if context.invoked_subcommand is not None:
        return
    _list_accounts(as_json=as_json)


@app.command("list")
def list_again(*, as_json: AsJson = False) -> None:
    """List the accounts, by name."""
    _list_accounts(as_json=as_json)


@app.command("add")
def add(
    name: Name,
    role: RoleName = Role.DEVELOPER,
    *,
    client: Annotated[
        bool, typer.Option("--client", help="For a program, such as a job of CI: shows a new secret once.")
    ] = False,
    subject: Annotated[
        str, typer.Option(metavar="SUBJECT", help="For a person who logs in at `access.issuer`: the `sub` there.")
    ] = "",
) -> None:
    """Add an account. Asks for the password of a person, or reads it from a pipe."""
    name = _check_name(name)
    if client and subject:
        raise Misuse("--client and --subject exclude each other; give one of them.")
    secret = "" if subject else _make_secret(name, client=client)
    proof = _hash(secret) if secret else ""
    kind = Kind.CLIENT if client else Kind.PERSON
    account = Account(uuid.uuid4().hex, name, kind, role, False, subject, proof, time.time())
    with _open_accounts() as accounts:
        try:
            accounts.add(account)
        except AccountExists:
            raise Failure(f"There is an account {name} already, or one for this subject.") from None
    terminal.note(f"{name} was added as {role.value}.")
    if client:
        sys.stdout.write(f"{secret}\n")


@app.command("role")
def change_role(name: Name, role: RoleName) -> None:
    """Give an account another role. Sessions that are open get it within seconds."""
    _change(name, role=role)
    terminal.note(f"{name} is {role.value} now.")


@app.command("disable")
def disable(name: Name) -> None:
    """Disable an account: it cannot log in, and its sessions end within seconds."""
    _change(name, disabled=True)
    terminal.note(f"{name} is disabled.")


@app.command("enable")
def enable(name: Name) -> None:
    """Enable a disabled account again."""
    _change(name, disabled=False)
    terminal.note(f"{name} is enabled.")


@app.command("password")
def change_password(name: Name) -> None:
    """Give an account another password, or a program another secret. Ends its logins."""
    with _open_accounts() as accounts:
        found = accounts.find(_check_name(name))
    if found is None:
        raise Failure(f"There is no account {name}; `starling users` lists them.")
    if found.subject:
        raise Failure(f"{name} logs in at `access.issuer`, where its password is.")
    secret = _make_secret(found.name, client=found.kind is Kind.CLIENT)
    _change(name, proof=_hash(secret))
    terminal.note(f"The logins of {name} have ended; the new one is valid now.")
    if found.kind is Kind.CLIENT:
        sys.stdout.write(f"{secret}\n")


@app.command("new-key")
def make_key() -> None:
    """Make a new key for access tokens; those of the old key stay valid until they expire."""
    _require_extra()
    from server.access.keys import KeyRing  # noqa: PLC0415 (an extra)
    from server.state.access.key_store import KeyStore  # noqa: PLC0415

    with _open_state() as state:
        terminal.note(f"The new key is {KeyRing(KeyStore(state)).roll()}.")


def _list_accounts(*, as_json: bool) -> None:
    """Show all accounts, as a table or as JSON."""
    with _open_accounts() as accounts:
        found = accounts.list_all()
    if as_json:
        terminal.emit({"users": [_describe(one) for one in found]})
        return
    if not found:
        terminal.note("There are no accounts; `starling users add NAME` adds one.")
        return
    rows = [
        (
            one.name,
            one.role.value,
            one.kind.value,
            "disabled" if one.disabled else "",
            one.subject,
            terminal.format_time(one.created),
        )
        for one in found
    ]
    tables.show(COLUMNS, rows)


def _describe(account: Account) -> dict[str, object]:
    """Return what may be shown of an account, for JSON; never the hash of its password."""
    return {
        "id": account.id,
        "name": account.name,
        "role": account.role.value,
        "kind": account.kind.value,
        "disabled": account.disabled,
        "subject": account.subject,
        "created": account.created,
    }


def _change(name: str, **changes: Any) -> None:  # noqa: ANN401 (those of `Accounts.change`)
    """Change an account. Raises Failure if there is none with this name."""
    with _open_accounts() as accounts:
        if not accounts.change(_check_name(name), **changes):
            raise Failure(f"There is no account {name}; `starling users` lists them.")


def _check_name(name: str) -> str:
    """Return the login name `name` in small letters. Raises Misuse if it is none."""
    lowered = name.strip().lower()
    if not NAME.fullmatch(lowered):
        raise Misuse(f"A login name has {NAME_RULE}; choose another one.")
    return lowered


def _make_secret(name: str, *, client: bool) -> str:
    """Return a new secret of a program, or the password that a person chooses, once it is good enough.

    Raises:
        Failure: the two passwords differ, the password is weak, or packages are missing.
    """
    _require_extra()
    from server.access.passwords import explain_weakness, generate_secret  # noqa: PLC0415 (an extra)

    if client:
        return generate_secret()
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password of {name} (not shown): ")
        if getpass.getpass("The same again: ") != password:
            raise Failure("The two passwords differ; nothing was changed.")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if weakness := explain_weakness(password, name):
        raise Failure(weakness)
    return password


def _hash(secret: str) -> str:
    """Return the argon2id hash of a password or secret."""
    from server.access.passwords import Passwords  # noqa: PLC0415 (an extra)

    return Passwords().hash(secret)


def _require_extra() -> None:
    """Raise Failure if packages for accounts are not installed."""
    from server.assembly.access.accounts import explain_missing_extra  # noqa: PLC0415 (`--help` starts without)

    if missing := explain_missing_extra():
        raise Failure(missing)


@contextlib.contextmanager
def _open_accounts() -> Iterator[Accounts]:
    """Yield the store of accounts. Raises Failure if the state cannot be read or written."""
    from server.state.access.account_store import AccountStore  # noqa: PLC0415 (`--help` starts without)

    with _open_state() as state:
        yield AccountStore(state)


@contextlib.contextmanager
def _open_state() -> Iterator[State]:
    """Yield the state database and close it; raises Failure if it cannot be read or written."""
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.gates import open_state  # noqa: PLC0415

    state = open_state()
    try:
        yield state
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        state.close()
