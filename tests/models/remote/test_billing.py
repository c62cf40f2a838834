"""Bills: what a call took, at prices that a person named."""

from __future__ import annotations

import pytest

from models.chat import ChatError, ChatRequest, Fault, Message, Speaker, Usage, never
from models.remote.billing import FREE, Account, BilledChat, Prices
from models.scripted.scripted_chat import ScriptedChat

QUESTION = ChatRequest((Message(Speaker.USER, "one two three"),))


class Kept:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.bills: list[tuple[Account, Usage, float | None, bool]] = []

    def book(self, account: Account, usage: Usage, cost: float | None, *, failed: bool) -> None:
        self.bills.append((account, usage, cost, failed))


def make_billed(script: str, prices: Prices | None = FREE) -> tuple[BilledChat, Kept]:
    kept = Kept()
    return BilledChat(ScriptedChat(script), Account("here", "scripted", "chat", prices), kept), kept


@pytest.mark.parametrize(
    ("prices", "usage", "cost"),
    [
        (Prices(3, 15), Usage(1_000_000, 100_000), 4.5),
        (Prices(3, 15), Usage(1_000_000, 0, cached_tokens=500_000), 3.0),
        (Prices(3, 15, 0.3), Usage(1_000_000, 0, cached_tokens=500_000), 1.65),
        (Prices(3, 15, 0.3), Usage(10, 0, cached_tokens=20), 0.000003),
        (FREE, Usage(1_000_000, 1_000_000), 0.0),
    ],
)
def test_cost_is_tokens_at_their_price(prices: Prices, usage: Usage, cost: float) -> None:
    assert prices.compute_cost(usage) == pytest.approx(cost)


def test_an_answer_is_booked() -> None:
    chat, kept = make_billed("===\ntwo words", Prices(1_000_000, 0))
    reply = chat.chat(QUESTION, cancelled=never)
    ((account, usage, cost, failed),) = kept.bills
    assert (account.role, usage, cost, failed) == ("chat", reply.usage, 3.0, False)


def test_an_unknown_price_stays_unknown() -> None:
    chat, kept = make_billed("===\ntwo words", None)
    chat.chat(QUESTION, cancelled=never)
    assert kept.bills[0][2] is None


def test_an_answer_that_broke_off_is_booked_as_far_as_it_came_and_said_to_be_estimated() -> None:
    class Breaking(ScriptedChat):
        def chat(self, *_: object, **__: object) -> object:  # type: ignore[override]
            raise ChatError("No.", Fault.UNREACHABLE, partial="one two", usage=Usage(requests=2))

    kept = Kept()
    chat = BilledChat(Breaking("===\n"), Account("here", "m", "chat", FREE), kept)
    with pytest.raises(ChatError):
        chat.chat(QUESTION, cancelled=never)
    ((_, usage, _, failed),) = kept.bills
    assert (usage, failed) == (Usage(3, 2, requests=2, estimated=True), True)


def test_what_never_went_out_is_not_booked() -> None:
    chat, kept = make_billed("===\n@status 401")
    with pytest.raises(ChatError):
        chat.chat(QUESTION, cancelled=never)
    assert kept.bills == []
