"""Several addresses of one model, over real HTTP: dead, hanging, slow, loading and busy ones among good ones."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from models.chat import ChatError, ChatRequest, Fault, Message, Reply, Speaker, never
from models.completion import FillRequest
from models.remote import endpoint_group
from models.remote.completion.discovery import connect_to_server, make_entry
from models.remote.endpoint_group import EndpointGroup
from models.remote.exchange import Patience
from models.remote.http import HttpClient, HttpOptions
from models.remote.providers.remote_chat import RemoteChat
from models.scripted.scripted_server import ScriptedServer
from tests.models import bundled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PATIENCE = Patience(first_token_s=20, idle_s=20, total_s=30)
ANSWER = "===\nyes"
DEAD = "http://127.0.0.1:9"
LOADING = "===\n@status 503\nLoading model"
QUESTION = ChatRequest((Message(Speaker.USER, "1 + 1?"),))
BUSY = "===\n@status 429\nModel is overloaded"


@contextlib.contextmanager
def hang() -> Iterator[str]:
    """Yield the address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.contextmanager
def group_addresses(
    urls: Sequence[str], clock: Callable[[], float] = time.monotonic
) -> Iterator[tuple[RemoteChat, EndpointGroup]]:
    """Yield a chat model at `urls`, and its group."""
    client = HttpClient(HttpOptions(connections=None))
    group = EndpointGroup(urls, client, patience=PATIENCE, clock=clock)
    chat = RemoteChat("m", group, client, cuts=False)
    try:
        yield chat, group
    finally:
        chat.close()


@contextlib.contextmanager
def serve(*scripts: str) -> Iterator[list[ScriptedServer]]:
    """Yield a server for each of `scripts`."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(ScriptedServer(script)) for script in scripts]


def is_past(end: float) -> bool:
    return time.monotonic() > end


def ask(chat: RemoteChat, text: str = "1 + 1?") -> Reply:
    return chat.chat(ChatRequest((Message(Speaker.USER, text),)), cancelled=never)


@pytest.mark.parametrize("wrong", [DEAD, LOADING, BUSY, "===\n@status 500\nout of memory"])
def test_a_request_that_one_address_does_not_answer_is_answered_by_another(wrong: str) -> None:
    with serve(ANSWER, *([] if wrong == DEAD else [wrong])) as servers:
        url = DEAD if wrong == DEAD else servers[1].url
        with group_addresses([url, servers[0].url]) as (chat, group):
            texts = [ask(chat, f"question {number}").text for number in range(24)]
            first, second = group.list_statuses()
        asked = [len(server.requests) for server in servers]
    assert texts == ["yes"] * 24
    assert (first.answered, second.answered) == (0, 24)
    assert first.problem
    assert asked[0] == 24
    assert asked[1:] in ([], [1])
    assert (first.rest_s > 0) == (wrong != BUSY)


def test_an_address_is_tried_again_after_its_rest() -> None:
    now = [0.0]
    with (
        serve("===\n@times 1\n@status 503\nLoading model\n===\nfirst", ANSWER) as (loading, good),
        group_addresses([loading.url, good.url], clock=lambda: now[0]) as (chat, group),
    ):
        while not group.list_statuses()[0].problem:
            assert ask(chat, f"question {len(loading.requests)} {time.monotonic()}").text == "yes"
        assert 0 < group.list_statuses()[0].rest_s <= endpoint_group.REST_S
        assert {ask(chat, f"other {number}").text for number in range(5)} == {"yes"}
        now[0] = endpoint_group.REST_S + 1
        assert "first" in {ask(chat, f"later {number}").text for number in range(20)}
        assert group.list_statuses()[0].problem == ""


def test_without_any_address_that_answers_the_error_names_one_and_no_third_is_asked() -> None:
    with (
        serve(LOADING, LOADING, LOADING) as servers,
        group_addresses([server.url for server in servers]) as (chat, _),
        pytest.raises(ChatError) as caught,
    ):
        ask(chat)
    assert caught.value.fault is Fault.OVERLOADED
    assert "Loading model" in str(caught.value)
    assert caught.value.usage.requests == 2
    assert sum(len(server.requests) for server in servers) == 2


def test_a_refused_request_is_not_asked_elsewhere() -> None:
    refusal = "===\n@status 400\nthis model's maximum context length is 4096 tokens"
    with (
        serve(refusal, refusal) as servers,
        group_addresses([server.url for server in servers]) as (chat, group),
        pytest.raises(ChatError) as caught,
    ):
        ask(chat)
    assert caught.value.fault is Fault.TOO_LONG
    assert sum(len(server.requests) for server in servers) == 1
    assert not any(one.rest_s for one in group.list_statuses())


def test_an_answer_that_breaks_off_after_its_beginning_is_never_begun_elsewhere() -> None:
    broken = "===\n@break-after 2\none two three"
    told: list[str] = []
    with (
        serve(broken, broken) as servers,
        group_addresses([server.url for server in servers]) as (chat, _),
        pytest.raises(ChatError) as caught,
    ):
        chat.chat(QUESTION, cancelled=never, on_text=told.append)
    assert sum(len(server.requests) for server in servers) == 1
    assert "".join(told) == caught.value.partial != ""


def test_parallel_requests_are_spread_over_the_addresses() -> None:
    slow = "===\n@slow-first-token 0.3\nyes"
    with (
        serve(slow, slow, slow) as servers,
        group_addresses([server.url for server in servers]) as (chat, group),
        ThreadPoolExecutor(20) as pool,
    ):
        replies = list(pool.map(lambda number: ask(chat, f"question {number}"), range(20)))
        asked = [len(server.requests) for server in servers]
        assert sum(one.in_hand for one in group.list_statuses()) == 0
    assert [reply.text for reply in replies] == ["yes"] * 20
    assert sum(asked) == 20
    assert min(asked) >= 5


def test_of_two_idle_addresses_the_one_that_answers_sooner_is_asked() -> None:
    with (
        serve("===\n@slow-first-token 0.1\nyes", ANSWER) as (slow, quick),
        group_addresses([slow.url, quick.url]) as (chat, group),
    ):
        number = 0
        while not all(one.answered for one in group.list_statuses()) and number < 50:
            ask(chat, f"question {number}")
            number += 1
        first, second = group.list_statuses()
        assert first.begins_s > second.begins_s
        assert group.answering_url == quick.url


def test_a_document_prefers_one_address_unless_that_is_clearly_busier() -> None:
    with serve(ANSWER, ANSWER, ANSWER) as servers, group_addresses([server.url for server in servers]) as (chat, group):
        for _ in range(5):
            ask(chat, "the same document")
        assert sorted(len(server.requests) for server in servers) == [0, 0, 5]
        spread = Counter(group._rank(f"document {number}")[0].endpoint.url for number in range(300))
        assert min(spread[server.url] for server in servers) > 50
        preferred = group._rank("a.py")[0]
        preferred.in_hand = 1
        assert group._rank("a.py")[0] is preferred
        preferred.in_hand = 2
        assert group._rank("a.py")[0] is not preferred
        preferred.in_hand = 0


def test_a_hanging_address_bounds_the_wait_of_almost_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_group, "SILENT_S", 0.3)
    monkeypatch.setattr(endpoint_group, "PROBE_S", 0.3)
    times: list[float] = []

    def measure(chat: RemoteChat, number: int) -> str:
        begun = time.monotonic()
        text = ask(chat, f"question {number}").text
        times.append(time.monotonic() - begun)
        return text

    with hang() as silent, serve(ANSWER, ANSWER) as servers:
        with (
            group_addresses([silent, *(server.url for server in servers)]) as (chat, group),
            ThreadPoolExecutor(4) as pool,
        ):
            texts = list(pool.map(lambda number: measure(chat, number), range(100)))
            status = group.list_statuses()[0]
        assert sum(len(server.requests) for server in servers) == 100
    assert texts == ["yes"] * 100
    assert "does not answer" in status.problem
    assert status.rest_s > 0
    assert sorted(times)[94] < 1.0  # the 95th percentile
    assert max(times) < 5.0


def test_a_slow_address_that_is_alive_is_waited_for_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_group, "SILENT_S", 0.1)
    slow = "===\n@slow-first-token 0.8\nyes"
    with serve(slow, slow) as servers, group_addresses([server.url for server in servers]) as (chat, group):
        assert ask(chat).text == "yes"
        assert sum(len(server.requests) for server in servers) == 1
        assert all(one.rest_s == 0 for one in group.list_statuses())
    assert [server.hung_up for server in servers] == [0, 0]


def test_requests_that_are_given_up_early_find_a_hanging_address_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_group, "SILENT_S", 0.3)
    monkeypatch.setattr(endpoint_group, "PROBE_S", 0.2)
    with hang() as silent, hang() as other, group_addresses([silent, other]) as (chat, group):
        for _ in range(40):
            end = time.monotonic() + 0.05
            with contextlib.suppress(ChatError):
                chat.chat(QUESTION, cancelled=partial(is_past, end))
            if any(one.rest_s for one in group.list_statuses()):
                break
        assert any(one.rest_s for one in group.list_statuses())


def test_giving_up_closes_the_connection_and_asks_nobody_else() -> None:
    end = threading.Event()
    with serve("===\n@hang", "===\n@hang") as servers, group_addresses([server.url for server in servers]) as (chat, _):
        threading.Timer(0.2, end.set).start()
        chat.chat(QUESTION, cancelled=end.is_set)
        deadline = time.monotonic() + 5
        while not sum(server.hung_up for server in servers) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sum(server.hung_up for server in servers) == 1
        assert sum(len(server.requests) for server in servers) == 1


def test_completions_use_the_other_address_too() -> None:
    request = FillRequest("a.py", "x = ", "\n")
    with serve("===\nmade(1)") as (server,):
        model = connect_to_server(make_entry("m"), DEAD, None, named=False, replicas=[server.url])
        with contextlib.closing(model):
            for number in range(4):
                (answer,) = model.generate(
                    FillRequest(f"{number}.py", request.prefix, request.suffix),
                    stop=bundled.to_the_end,
                    cancelled=bundled.never,
                )
                assert answer.text == "made(1)"
            dead, good = model.list_hosts()
            assert (dead.answered, good.answered >= 4) == (0, True)
            assert not dead.rest_s or dead.problem in model.problems[0]
