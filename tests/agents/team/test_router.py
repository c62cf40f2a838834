"""The choice of the role: by `@role`, by the form of an error message in any language, by a model, else the router."""

# ruff: noqa: RUF001 (requests in Chinese)

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from agents.team.role_files import ROUTER, load_roles
from agents.team.router import Choice, LastAnswer, choose_role
from models.scripted.scripted_chat import ScriptedChat

if TYPE_CHECKING:
    from models.chat import ChatModel

ROLES = load_roles()
ERRORS = (
    # Python
    "Traceback (most recent call last):\n  File \"shop/cart.py\", line 12, in total\nKeyError: 'price'",
    "Bei der Bestellung kommt KeyError: 'user_id', aber nur manchmal.",
    "出现KeyError：'user_id'，请帮忙",
    "FAILED tests/test_cart.py::test_total - assert 3 == 4",
    # JavaScript on Node
    "TypeError: cart.map is not a function\n    at total (/srv/shop/cart.js:14:22)",
    "Voici ce que je vois :\nError: Cannot find module './carte'\n    at node:internal/modules/cjs/loader:1145:15",
    "FAIL src/cart.test.js\n  ● total of an empty cart",
    "Il programma termina con exit code 1",
    # Go
    "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:",
    "./main.go:8:2: undefined: total",
    "Падает так:\n--- FAIL: TestTotal (0.00s)",
    # Rust
    "thread 'main' panicked at src/cart.rs:12:9:\nindex out of bounds",
    "error[E0382]: borrow of moved value: `cart`\n  --> src/main.rs:7:13",
    # Java
    'Exception in thread "main" java.lang.NullPointerException\n\tat shop.Cart.total(Cart.java:31)',
    "¿Por qué pasa esto?\nCaused by: java.sql.SQLException: Connection refused",
    # C
    "Segmentation fault (core dumped)",
    "cart.c:14:5: error: expected ';' before 'return'",
    "/usr/bin/ld: cart.o: undefined reference to `total'",
    "==71==ERROR: AddressSanitizer: heap-use-after-free on address 0x602",
)
OTHERS = (
    "How does the error handling of the cart work?",
    "Error handling: please use one exception for all of it",
    "Wie baue ich eine Seite für die Bestellungen?",
    "Объясни, что делает функция total",
    "¿Dónde se calcula el total del carrito?",
    "Ajoute un paramètre de remise à total",
    "请为购物车写测试",
    "カートの設計を見直してください",
    "Rename total to sum_of_prices in cart.py",
    "@dataclass(frozen=True) above Cart: is that needed?",
    "@types/node is missing in package.json",
)


def choose(request: str, chat: ChatModel | None = None, current: str = "", last: LastAnswer | None = None) -> Choice:
    """Return the choice among the bundled roles."""
    return choose_role(request, ROLES, current=current, last=last, chat=chat, cancelled=lambda: False)


@pytest.mark.parametrize("request_", ERRORS)
def test_an_error_message_is_recognised_by_its_form_and_no_model_is_asked(request_: str) -> None:
    chat = ScriptedChat('===\n{"role": "ask"}\n')
    choice = choose(request_, chat)
    assert (choice.role.name, choice.why) == ("debug", "the request has an error message")
    assert chat.requests == []


@pytest.mark.parametrize("request_", OTHERS)
def test_another_request_goes_to_the_role_that_the_model_names(request_: str) -> None:
    choice = choose(request_, ScriptedChat('===\n{"role": "tester"}\n'))
    assert (choice.role.name, choice.request) == ("tester", request_)
    assert choice.why == "scripted chose it by its description"


def test_a_long_request_is_read_in_linear_time() -> None:
    began = time.process_time()
    assert choose("\n" * 100_000 + "  at x").why == "nothing says who else"
    assert time.process_time() - began < 2


def test_there_are_thirty_requests() -> None:
    assert len(ERRORS) + len(OTHERS) == 30


@pytest.mark.parametrize(("request_", "role", "rest"), [
    ("@tester write one for total", "tester", "write one for total"),
    ("  @Architect: Wie soll das aussehen?", "architect", "Wie soll das aussehen?"),
    ("@product-owner, was fehlt?", "product_owner", "was fehlt?"),
    ("@debug为什么失败？", "debug", "为什么失败？"),
    ("@ask KeyError: 'a'", "ask", "KeyError: 'a'"),
    ("@reviewer", "reviewer", "@reviewer"),
])  # fmt: skip
def test_a_named_role_is_taken_before_everything_else(request_: str, role: str, rest: str) -> None:
    choice = choose(request_, ScriptedChat('===\n{"role": "coder"}\n'), current="architect")
    assert (choice.role.name, choice.why, choice.request) == (role, "you named it", rest)


def test_a_role_that_does_not_exist_is_an_error_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"There is no role @nobody; there are: @orchestrator, @analyst, "):
        choose("@nobody do it")


def test_the_role_of_the_session_comes_before_the_form_of_the_request() -> None:
    assert choose("KeyError: 'a'", current="architect").role.name == "architect"
    assert choose("KeyError: 'a'", current="a role that was deleted").role.name == "debug"


@pytest.mark.parametrize(
    "answer", ['{"role": "Product Owner"}', '{"role": "@product-owner"}', '{"role": " product_owner "}']
)
def test_a_model_may_write_the_name_as_people_do(answer: str) -> None:
    assert choose("What should we build?", ScriptedChat(f"===\n{answer}\n")).role.name == "product_owner"


@pytest.mark.parametrize("script", [
    "===\n@status 500\n", "===\n@malformed\n", "===\nI would ask the coder.\n", '===\n{"role": "nobody"}\n',
    '===\n{"role": ""}\n', '===\n{"name": 3}\n', "===\n\n", "=== never\nx\n",
])  # fmt: skip
def test_a_model_that_fails_or_names_nobody_leaves_the_choice_to_the_orchestrator(script: str) -> None:
    choice = choose("Build it", ScriptedChat(script))
    assert (choice.role.name, choice.why) == (ROUTER, "nothing says who else")


@pytest.mark.parametrize("request_", [
    "go on", "continue", "yes do it", "Yes, please", "weiter", "ja, weiter", "продолжай", "Да, продолжай!", "vas-y",
    "continúa", "继续", "続けて", "تابع", "ok", "…",
])  # fmt: skip
def test_a_follow_up_stays_with_the_role_that_answered_last(request_: str) -> None:
    chat = ScriptedChat('===\n{"role": "ask"}\n')
    choice = choose(request_, chat, last=LastAnswer("architect", "Three files would be needed."))
    assert (choice.role.name, choice.request) == ("ask" if request_ == "…" else "architect", request_)
    assert len(chat.requests) == (1 if request_ == "…" else 0)


@pytest.mark.parametrize("request_", [
    "Yes, create it there", "Ja, bitte mach das so", "да, сделай это пожалуйста", "oui, avec des tableaux",
    "お願いします", "the second one",
])  # fmt: skip
def test_a_short_reply_to_a_question_stays_with_the_role_that_asked(request_: str) -> None:
    chat = ScriptedChat('===\n{"role": "ask"}\n')
    last = LastAnswer("architect", "Three files would be needed. Shall I create the second one?")
    assert choose(request_, chat, last=last).role.name == "architect"
    assert chat.requests == []


@pytest.mark.parametrize("request_", [
    "fix the bug", "review it", "write tests", "debug this", "explain files", "rename total to sum", "use math.pi",
    "why?", "为什么？", "请为购物车写测试", "sumPrices", "a_b", "open 3",
    "Build an export of all orders, please",
])  # fmt: skip
def test_a_short_request_with_a_subject_of_its_own_is_routed_anew(request_: str) -> None:
    chat = ScriptedChat('===\n{"role": "ask"}\n')
    last = LastAnswer("architect", "Three files would be needed.")
    assert choose(request_, chat, last=last).role.name == "ask"


def test_a_follow_up_goes_to_the_named_role_and_to_that_of_the_session_first() -> None:
    last = LastAnswer("architect", "Three files would be needed.")
    assert choose("@coder go on", ScriptedChat("===\n"), last=last).role.name == "coder"
    assert choose("go on", ScriptedChat("===\n"), current="tester", last=last).role.name == "tester"
    assert choose("go on", ScriptedChat('===\n{"role": "ask"}\n'), last=LastAnswer("tdd", "Done.")).role.name == "ask"


def test_a_model_is_told_how_the_last_answer_ended() -> None:
    chat = ScriptedChat('=== Shall I create the structure?\n{"role": "architect"}\n===\n{"role": "coder"}\n')
    last = LastAnswer("architect", f"{'x' * 5000}\nShall I create the structure?")
    assert choose("Yes, but in another folder than you said", chat, last=last).role.name == "architect"
    assert "The role architect answered last" in chat.requests[0].messages[0].text
    assert "x" * 1000 not in chat.requests[0].messages[0].text
    assert choose("Yes, please", chat).role.name == "coder", "without a last answer"


def test_where_the_model_names_nobody_the_role_that_answered_last_goes_on() -> None:
    last = LastAnswer("architect", "Shall I?")
    choice = choose("Is that the best way to do it?", ScriptedChat("===\n@status 500\n"), last=last)
    assert (choice.role.name, choice.why) == ("architect", "it answered last")


def test_without_a_model_the_orchestrator_answers() -> None:
    assert choose("Build it").role.name == ROUTER
