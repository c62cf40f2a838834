"""The ids in log records: of the code that runs for a request, and of no other."""

from __future__ import annotations

import asyncio
import logging
import threading

from server.observation.ids import add_ids, bind, read_ids


def make_record(**extra: str) -> logging.LogRecord:
    """Return a log record with these fields, as the filter leaves it."""
    record = logging.makeLogRecord(extra)
    assert add_ids(record)
    return record


def test_a_record_gets_the_ids_around_it_and_keeps_its_own() -> None:
    with bind(request="7", user="ann"), bind(session="s1"):
        record = make_record(session="its own")
    assert (record.request, record.session, record.user) == ("7", "its own", "ann")  # type: ignore[attr-defined]


def test_after_the_block_there_are_no_ids() -> None:
    with bind(request="7"):
        pass
    assert read_ids() == {}
    assert not hasattr(make_record(), "request")


async def test_tasks_and_threads_of_a_request_have_its_ids_and_others_do_not() -> None:
    async def work(name: str) -> tuple[str, str]:
        with bind(request=name):
            await asyncio.sleep(0)
            inner = await asyncio.to_thread(read_ids)
            return read_ids()["request"], inner["request"]

    assert await asyncio.gather(work("1"), work("2")) == [("1", "1"), ("2", "2")]
    seen: list[object] = []
    with bind(request="3"):
        other = threading.Thread(target=lambda: seen.append(dict(read_ids())))
        other.start()
        other.join()
    assert seen == [{}]


def test_an_id_is_cut() -> None:
    with bind(request="x" * 10_000):
        assert len(read_ids()["request"]) == 100
