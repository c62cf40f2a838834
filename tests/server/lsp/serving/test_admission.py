"""Strangers who wait to be admitted cannot keep accounts out."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from agents.ports.failures import StateError
from server.access.identities import Identity
from server.access.roles import Role
from server.lsp.serving import visitors
from server.lsp.serving.admission import MOST_WAITING_VISITS, Admission, Arrival
from server.lsp.serving.visitors import Visitors, read_token

ADA = Identity("1", "ada", Role.DEVELOPER, "192.0.2.1")


class Access:
    """Accounts without any: nobody is found, nobody opens anything."""

    workspaces = ()


async def test_strangers_who_wait_do_not_end_the_connection_of_an_account() -> None:
    access: Any = Access()
    control, ended = Admission("", visitors=Visitors(access)), list[str]()
    known = control.register(lambda _: ended.append("ada"), Arrival(identity=ADA))
    strangers = [
        control.register(lambda _, number=number: ended.append(str(number)))  # type: ignore[misc]
        for number in range(MOST_WAITING_VISITS + 5)
    ]
    assert ended == [str(number) for number in range(6)]
    assert known.admit({}) == ""
    for one in (known, *strangers):
        one.release()
    assert (control.waiting, control.sessions) == ([], 0)


async def test_an_account_has_so_many_sessions_and_no_more(monkeypatch: Any) -> None:
    monkeypatch.setattr(visitors, "MOST_OF_ACCOUNT", 2)
    access: Any = Access()
    control = Admission("", visitors=Visitors(access))
    opened = [control.register(lambda _: None, Arrival(identity=ADA)) for _ in range(3)]
    assert [bool(one.admit({})) for one in opened] == [False, False, True]
    opened[0].release()
    later = control.register(lambda _: None, Arrival(identity=ADA))
    assert later.admit({}) == ""
    for one in (*opened, later):
        one.release()


async def test_without_a_token_of_its_own_the_server_admits_nobody_by_it() -> None:
    access: Any = Access()
    control = Admission("", visitors=Visitors(access))
    assert not control.is_token("")
    one = control.register(lambda _: None, Arrival(proven=True))
    assert "access token is needed" in one.admit({"initializationOptions": {"starling": {"token": ""}}})
    one.release()


async def test_the_requests_of_ended_servers_are_closed_from_time_to_time(monkeypatch: Any) -> None:
    looked = asyncio.Event()
    looks = 0

    def recover() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise StateError("PostgreSQL is away.")
        loop.call_soon_threadsafe(looked.set)

    monkeypatch.setattr(visitors, "CHECK_S", 0.0)
    loop = asyncio.get_running_loop()
    access: Any = SimpleNamespace(recover=recover)
    watching = asyncio.create_task(Visitors(access).watch())
    await asyncio.wait_for(looked.wait(), 20)
    watching.cancel()
    assert looks > 1


def test_a_token_is_read_from_any_message() -> None:
    assert read_token(b'{"params": {"initializationOptions": {"starling": {"token": "x"}}}}') == "x"
    for body in (
        b"",
        b"[",
        b"[1]",
        b'{"params": 5}',
        b"\xff",
        b"[" * 90_000,
        b'{"params": {"initializationOptions": []}}',
    ):
        assert read_token(body) is None
