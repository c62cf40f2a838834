"""Costs in the state database: added up by day, read back, and shown by a command and on the terminal."""

from __future__ import annotations

import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from models.chat import Usage
from models.remote.billing import Account, Prices
from server.cli import run
from server.state import cost_ledger, paths
from server.state.cost_ledger import Costs
from server.state.database import FILE
from tests.states import make_state, point_program

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = Account("https://models.example/v1", "m", "chat", Prices(3, 15))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STARLING_HOME", str(tmp_path))
    point_program(monkeypatch)
    return tmp_path


def open_costs() -> Costs:
    return Costs(make_state(paths.state_dir() / FILE))


def test_bills_of_several_servers_add_up(home: Path) -> None:
    def book(_: int) -> None:
        kept = open_costs()
        for failed in (False, True):
            kept.book(ACCOUNT, Usage(100, 10, 50, 2), None if failed else 0.5, failed=failed)
        kept.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(book, range(8)))
    kept = open_costs()
    (record,) = kept.list_days(1)
    kept.close()
    assert (record.day, record.endpoint, record.model, record.role) == (
        time.strftime("%Y-%m-%d"), ACCOUNT.endpoint, "m", "chat",
    )  # fmt: skip
    assert (record.answers, record.failures, record.requests, record.unpriced) == (8, 8, 32, 8)
    assert (record.prompt_tokens, record.answer_tokens, record.cached_tokens) == (1600, 160, 800)
    assert record.cost == pytest.approx(4.0)


def test_days_are_apart_and_old_ones_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = open_costs()
    for day in ("2020-01-01", time.strftime("%Y-%m-%d")):
        with monkeypatch.context() as dated:
            dated.setattr(cost_ledger, "DAY", day)
            dated.setattr(cost_ledger, "_format_day_before", lambda _: "2000-01-01")
            kept.book(ACCOUNT, Usage(1, 1, requests=1), 1.0, failed=False)
            assert kept.list_days(400)
    kept.book(ACCOUNT, Usage(1, 1, requests=1), 1.0, failed=False)
    assert [record.answers for record in kept.list_days(100_000)] == [2]
    kept.close()


@pytest.mark.sqlite
def test_a_database_that_cannot_be_written_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    kept = Costs(make_state(tmp_path / "file" / "state" / "state.sqlite3"))
    kept.book(ACCOUNT, Usage(1, 1, requests=1), 1.0, failed=False)
    kept.close()
    assert "could not be recorded" in caplog.text


@pytest.mark.sqlite
def test_a_bill_does_not_wait_for_a_database_that_another_process_holds(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    kept = Costs(make_state(file))
    assert not kept.list_days(1)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        kept.book(ACCOUNT, Usage(1, 1, requests=1), 1.0, failed=False)
        other.execute("ROLLBACK")  # only now, so that waiting for it would be waiting in vain
    assert [record.answers for record in kept.list_days(1)] == [1]
    kept.close()
    kept.book(ACCOUNT, Usage(1, 1, requests=1), 1.0, failed=False)
    assert [record.answers for record in kept.list_days(1)] == [2]
    kept.close()


def test_they_are_shown_on_the_terminal(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["costs"]) == 0
    assert "No chat model was asked in the last 30 days." in capfd.readouterr().out
    kept = open_costs()
    kept.book(ACCOUNT, Usage(1200, 34, requests=1), 0.25, failed=False)
    kept.book(Account("https://other.example", "n", "review", None), Usage(5, 5, requests=1), None, failed=False)
    kept.close()
    assert run(["costs", "--days", "1"]) == 0
    shown = capfd.readouterr().out
    assert "1,200" in shown
    assert "https://models.example/v1: 0.2500" in shown
    assert "https://other.example: 1 call at an unknown price" in shown
    assert "chat.inputPrice" in shown
    assert run(["costs", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["cost"], told["unpriced"], len(told["costs"])) == (0.25, 1, 2)


def test_a_cost_too_small_to_show_is_not_shown_as_nothing(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept = open_costs()
    kept.book(ACCOUNT, Usage(14, 24, requests=1), 0.00004, failed=False)
    kept.close()
    assert run(["costs"]) == 0
    shown = capfd.readouterr().out
    assert "https://models.example/v1: <0.0001" in shown
    assert "0.0000" not in shown
