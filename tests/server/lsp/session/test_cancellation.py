"""Tickets: the newest request of a document supersedes the older one, which is answered at once."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from server.lsp.session.cancellation import Tickets
from server.lsp.session.pace import LEAST_S, MOST_S, Pace


async def test_a_newer_ticket_cancels_the_older_one_of_the_same_document_only() -> None:
    tickets = Tickets()
    with tickets.open("a") as older, tickets.open("b") as other, tickets.open("a") as newer:
        assert (older.is_cancelled(), other.is_cancelled(), newer.is_cancelled()) == (True, False, False)
        assert (older.superseded_another, newer.superseded_another) == (False, True)


async def test_a_ticket_that_is_cancelled_does_not_wait_for_its_work() -> None:
    tickets = Tickets()
    work: Future[int] = Future()
    work.set_running_or_notify_cancel()
    with tickets.open("a") as ticket:
        waiting = asyncio.ensure_future(ticket.wait_result(work))
        await asyncio.sleep(0)
        tickets.cancel("a")
        assert await waiting is None
    work.set_result(1)


async def test_work_that_has_not_begun_never_begins_once_the_ticket_is_cancelled() -> None:
    tickets = Tickets()
    work: Future[int] = Future()
    with tickets.open("a") as ticket:
        tickets.cancel("a")
        assert await ticket.wait_result(work) is None
    assert work.cancelled()


async def test_an_answered_request_is_not_superseded_by_the_next() -> None:
    tickets = Tickets()
    with tickets.open("a"):
        pass
    with tickets.open("a") as ticket:
        assert not ticket.superseded_another


async def test_a_change_of_the_text_supersedes_the_request() -> None:
    tickets = Tickets()
    with tickets.open("a"):
        tickets.cancel("a")
        with tickets.open("a") as ticket:
            assert ticket.superseded_another


async def test_a_ticket_ends_with_its_request_so_that_threads_stop() -> None:
    with Tickets().open("a") as ticket:
        pass
    assert ticket.is_cancelled()


def test_nobody_waits_while_the_server_keeps_up() -> None:
    pace = Pace()
    assert [pace.compute_delay_s(0.03 * key, superseded=False) for key in range(20)] == [0.0] * 20


@pytest.mark.parametrize(("gap_s", "wait_s"), [(0.005, LEAST_S), (0.03, 0.045), (0.06, 0.09), (0.5, MOST_S)])
def test_typing_faster_than_the_model_waits_for_one_and_a_half_gaps(gap_s: float, wait_s: float) -> None:
    pace = Pace()
    waits = [pace.compute_delay_s(gap_s * key, superseded=True) for key in range(60)]
    assert waits[-1] == pytest.approx(wait_s, rel=0.01)


def test_a_pause_for_thought_does_not_slow_the_next_key() -> None:
    pace = Pace()
    for key in range(60):
        pace.compute_delay_s(0.03 * key, superseded=True)
    assert pace.compute_delay_s(100.0, superseded=True) == pytest.approx(0.045, rel=0.01)


@pytest.mark.parametrize(("gap_s", "wait_s"), [(0.1, 0.0), (0.03, 0.045)])
def test_a_request_about_to_be_answered_waits_only_in_a_burst(gap_s: float, wait_s: float) -> None:
    pace = Pace()
    waits = [pace.compute_delay_s(gap_s * key, superseded=True, expected=True) for key in range(60)]
    assert waits[-1] == pytest.approx(wait_s, rel=0.01)


async def test_a_closed_document_is_forgotten() -> None:
    tickets = Tickets()
    with tickets.open("a") as ticket:
        tickets.forget("a")
        assert ticket.is_cancelled()
    with tickets.open("a") as again:
        assert not again.superseded_another
    tickets.forget("a")
    assert not tickets._superseded
