"""Answers of real endpoints: the answer is used, whatever is missing or strange around it; thoughts are not shown.

In all three dialects, over HTTP, as a stream and as a whole; and any JSON at all against the readers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.chat import ChatError, Fault, ReplyEnd, never
from models.remote.endpoint import Endpoint
from models.remote.events import DONE, EventParser, Junk
from models.remote.http import HttpClient, HttpOptions
from models.remote.lenient_json import read_text
from models.remote.providers import anthropic, ollama, openai
from models.remote.providers.dialect import Announcer
from models.remote.providers.remote_chat import RemoteChat
from models.remote.providers.thoughts import ThoughtFilter
from tests.models.remote.test_hostile_endpoints import QUESTION, QUICK, answering

if TYPE_CHECKING:
    from models.chat import Reply

READERS = {"openai": openai.Reader, "anthropic": anthropic.Reader, "ollama": ollama.Reader}


# how each dialect says the same


def openai_says(content: object, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content, **more}, "finish_reason": None}]}


def anthropic_says(content: object, **_: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": content}}


def ollama_says(content: object, **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, **more}, "done": False}


SAYS: dict[str, Any] = {"openai": openai_says, "anthropic": anthropic_says, "ollama": ollama_says}
ENDS: dict[str, list[dict[str, Any]]] = {
    "openai": [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}],
    "anthropic": [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}],
    "ollama": [{"message": {"content": ""}, "done": True, "done_reason": "stop"}],
}
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = {
    "openai": (
        "choices delta message content role tool_calls function name arguments index id usage prompt_tokens model "
        "finish_reason function_call reasoning reasoning_content refusal text prompt_tokens_details type"
    ),
    "anthropic": (
        "type message content content_block delta index usage input_tokens stop_reason text partial_json name id "
        "input model thinking"
    ),
    "ollama": "message content thinking tool_calls function name arguments done done_reason eval_count model response",
}
KINDS = [
    *("message_start", "content_block_start", "content_block_delta", "message_delta", "message", "text", "tool_use"),
    *("text_delta", "input_json_delta", "ping", "content_block_stop", "thinking", "thinking_delta"),
]


@st.composite
def draw_event(draw: st.DrawFn, dialect: str) -> dict[str, Any]:
    """Draw an object with the dialect's own names and any values."""
    names = st.sampled_from(NAMES[dialect].split())
    values = st.recursive(
        SHAPES | st.sampled_from(["stop", "length", "tool_calls", *KINDS]),
        lambda inner: st.dictionaries(names, inner, max_size=5) | st.lists(inner, max_size=3),
        max_leaves=15,
    )
    made: dict[str, Any] = draw(st.dictionaries(names, values, max_size=5))
    return made


def write_events(*values: object, ndjson: bool = False, done: bool = True, line_end: bytes = b"\n") -> list[bytes]:
    """Return events as a server writes them; bytes stay unchanged."""
    lines = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    if ndjson:
        return [line + line_end for line in lines]
    framed = [b"data: " + line + line_end * 2 for line in lines]
    return framed + ([b"data: [DONE]" + line_end * 2] if done else [])


def ask_once(pieces: list[bytes], dialect: str = "openai", **headers: str) -> tuple[Reply, str]:
    """Ask once; return the answer, and the text passed on while it arrived."""
    told: list[str] = []
    with answering(pieces, **headers) as url:
        client = HttpClient(HttpOptions())
        chat = RemoteChat("m", Endpoint(url, client, patience=QUICK), client, dialect=dialect)
        try:
            reply = chat.chat(QUESTION, cancelled=never, on_text=told.append)
        finally:
            chat.close()
    return reply, "".join(told)


# case 17, and more of its kind


HELLO = [openai_says("Hel"), openai_says("lo.")]
STOP = ENDS["openai"][0]
QUIRKS: dict[str, list[Any]] = {
    "usage alone, last": [*HELLO, STOP, {"usage": {"prompt_tokens": 7, "completion_tokens": 2}}],
    "usage alone, last, without a reason": [*HELLO, {"usage": {"prompt_tokens": 7}}],
    "choices null": [{"choices": None}, *HELLO, {"choices": None}, STOP],
    "delta null": [*HELLO, {"choices": [{"delta": None, "finish_reason": "stop"}]}],
    "delta null in the middle": [HELLO[0], {"choices": [{"delta": None}]}, HELLO[1], STOP],
    "a choice that is null": [{"choices": [None]}, *HELLO, STOP],
    "content null": [openai_says(None), *HELLO, openai_says(None), STOP],
    "content in parts": [openai_says([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}]), STOP],
    "a part that is a text": [openai_says(["Hel", "lo."]), STOP],
    "parts of thoughts": [
        openai_says([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
        openai_says([{"type": "text", "text": "Hello."}]),
        STOP,
    ],
    "a role first": [{"choices": [{"delta": {"role": "assistant"}}]}, *HELLO, STOP],
    "filters of the prompt first": [{"choices": [], "prompt_filter_results": [{}]}, *HELLO, STOP],
    "an empty object": [b"{}", HELLO[0], b"{}", HELLO[1], STOP],
    "null events": [b"null", HELLO[0], b"null", HELLO[1], STOP],
    "lists and numbers in the middle": [HELLO[0], b"[]", b"7", b'"x"', HELLO[1], STOP],
    "all null": [*HELLO, {"choices": [{"delta": {"content": None, "tool_calls": None, "role": None}}]}, STOP],
    "tool calls null": [{"choices": [{"delta": {"content": "Hello.", "tool_calls": [None]}}]}, STOP],
    "error null": [{**HELLO[0], "error": None}, {**HELLO[1], "error": {}}, STOP],
    "an error behind the end": [*HELLO, STOP, {"error": {"message": "the bill is lost"}}],
    "junk behind the end": [*HELLO, STOP, b"{"],
    "a reason of another word": [*HELLO, {"choices": [{"delta": {}, "finish_reason": "eos_token"}]}],
    "a reason in capitals": [*HELLO, {"choices": [{"delta": {}, "finish_reason": "STOP"}]}],
    "the whole once more": [*HELLO, {"choices": [{"delta": {}, "message": {"content": "Hello."}}]}, STOP],
    "message null": [{"choices": [{"message": None, "delta": {"content": "Hello."}}]}, STOP],
    "choices as an object": [{"choices": {"delta": {"content": "Hello."}}}, STOP],
    "another choice": [*HELLO, {"choices": [{"index": 1, "delta": {"content": "other"}}]}, STOP],
    "thoughts beside": [openai_says(None, reasoning_content="hm"), openai_says(None, reasoning="hm"), *HELLO, STOP],
    "thoughts in tags": [openai_says("<think>I shall greet.</think>\n\nHello."), STOP],
    "thoughts in pieces": [*map(openai_says, ["<", "th", "ink", ">hm</", "thi", "nk>", "\n", "\nHel", "lo."]), STOP],
    "two thoughts": [openai_says("<think>a</think><think>b</think>Hello."), STOP],
    "thoughts without a beginning": [*map(openai_says, ["hm, hm.\n", "</think>", "\n\n", "Hello."]), STOP],
    "a character in halves": [*HELLO, STOP],
}  # fmt: skip


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("name", QUIRKS)
def test_the_answer_is_used(name: str, *, done: bool) -> None:
    reply, told = ask_once(write_events(*QUIRKS[name], done=done))
    assert (reply.text, reply.end, reply.usage.requests) == ("Hello.", ReplyEnd.END, 1)
    assert told == "Hello." or name == "thoughts without a beginning"


@pytest.mark.parametrize("dialect", READERS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_comments_and_fields_are_no_matter(dialect: str, line_end: bytes) -> None:
    says = SAYS[dialect]
    events = write_events(says("Hel"), says("lo."), *ENDS[dialect], line_end=line_end, done=dialect == "openai")
    between = [b": keep-alive", b"event: message", b"id: 1", b"retry: 3000", b"data:", b"data: ", b""]
    pieces = [b"\xef\xbb\xbf", *(piece for event in events for piece in (*(b + line_end for b in between), event))]
    assert ask_once(pieces, dialect)[0].text == "Hello."
    together = b"".join(pieces)
    assert ask_once([together[at : at + 1] for at in range(len(together))], dialect)[0].text == "Hello."


@pytest.mark.parametrize("dialect", READERS)
def test_an_answer_without_any_end_counts_when_the_stream_ends_well(dialect: str) -> None:
    says = SAYS[dialect]
    reply, told = ask_once(write_events(says("Hel"), says("lo."), done=False), dialect)
    assert (reply.text, told, reply.usage.requests) == ("Hello.", "Hello.", 1)


@pytest.mark.parametrize("dialect", READERS)
@pytest.mark.parametrize("junk", [b'{"choices": [{"del', b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_behind_a_text_junk_ends_the_answer_and_the_text_is_kept(dialect: str, junk: bytes) -> None:
    says = SAYS[dialect]
    reply, told = ask_once(write_events(says("Hel"), says("lo."), junk, says(" More."), *ENDS[dialect]), dialect)
    assert (reply.text, told, reply.usage.requests) == ("Hello.", "Hello.", 1)
    assert reply.end is ReplyEnd.LENGTH  # something may be missing


@pytest.mark.parametrize("dialect", READERS)
def test_junk_before_all_text_is_one_sentence(dialect: str) -> None:
    for junk in (b"{", b"7", b'{"hello": "world"}', b"<html>"):
        with pytest.raises(ChatError) as caught:
            ask_once(write_events(junk, done=False), dialect)
        assert caught.value.fault is Fault.MALFORMED


@pytest.mark.parametrize("dialect", READERS)
def test_an_error_in_the_middle_is_told_with_what_had_come(dialect: str) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "too busy"}}
    with pytest.raises(ChatError, match="too busy") as caught:
        ask_once(write_events(SAYS[dialect]("Hel"), error, done=False), dialect)
    assert (caught.value.fault, caught.value.partial) == (Fault.OVERLOADED, "Hel")


@pytest.mark.parametrize("dialect", READERS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    "lines",
    [
        [b"event: error", b'data: {"message": "too busy", "code": 500}'],
        [b"event: error", b"data: too busy"],
        [b"event:error", b"data: {", b'data: "message": "too busy"}'],
        [b'error: {"code": 500, "message": "too busy"}'],
    ],
)
def test_an_event_is_an_error_where_its_name_says_so(lines: list[bytes], dialect: str, line_end: bytes) -> None:
    error = b"".join(line + line_end for line in (*lines, b""))
    with pytest.raises(ChatError, match="too busy") as caught:
        ask_once([*write_events(SAYS[dialect]("Hel"), line_end=line_end, done=False), error], dialect)
    assert (caught.value.fault, caught.value.partial) == (Fault.OVERLOADED, "Hel")


def test_an_error_object_without_choices_is_told() -> None:
    with pytest.raises(ChatError, match="too busy"):
        ask_once(write_events({"object": "error", "message": "too busy", "code": 503}, done=False))


def test_the_name_of_an_event_is_its_own_alone() -> None:
    pieces = [b"event: error\n\n", *write_events(openai_says("Hello."), STOP)]
    assert ask_once(pieces)[0].text == "Hello."


@pytest.mark.parametrize("dialect", READERS)
@pytest.mark.parametrize("thought", ["<think>\nhm, hm\n</think>\n\n", "<THINKING>hm</THINKING>", "[THINK]hm[/THINK]"])
def test_thoughts_in_tags_are_shown_in_no_dialect(dialect: str, thought: str) -> None:
    for size in (1, 3, 1000):
        whole = f"{thought}Hello."
        pieces = [SAYS[dialect](whole[at : at + size]) for at in range(0, len(whole), size)]
        reply, told = ask_once(write_events(*pieces, *ENDS[dialect], done=dialect == "openai"), dialect)
        assert (reply.text, told) == ("Hello.", "Hello.")


WHOLES: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"choices": [{"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}], "usage": None},
        {"choices": [{"message": {"content": [{"type": "text", "text": "Hello."}], "tool_calls": None}}]},
        {"choices": [{"message": {"content": "<think>hm</think>Hello.", "reasoning": "hm"}, "finish_reason": None}]},
        {"choices": [{"message": {"content": "Hello.", "refusal": None}}], "error": None},
        {"choices": [{"text": "Hello.", "finish_reason": "stop"}]},
    ],
    "anthropic": [
        {"type": "message", "content": [{"type": "text", "text": "Hello."}], "usage": None, "stop_reason": None},
        {"type": "message", "content": "Hello."},
        {"type": "message", "content": [None, {"type": "thinking", "thinking": "hm"}, "Hello."]},
        {"type": "message", "content": [{"type": "text", "text": "<think>hm</think>Hello."}], "model": None},
    ],
    "ollama": [
        {"message": {"content": "Hello.", "thinking": "hm"}, "done": True},
        {"message": {"content": "Hello.", "tool_calls": None}, "done": True, "done_reason": None, "eval_count": None},
        {"message": {"content": "<think>hm</think>\n\nHello."}, "done": True},
        {"message": {"content": "Hello."}},
        {"response": "Hello.", "done": True},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "whole"), [(name, whole) for name, all_of in WHOLES.items() for whole in all_of])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_an_answer_that_is_no_stream_is_used_too(dialect: str, whole: dict[str, Any], kind: str) -> None:
    for indent in (None, 2):
        reply, told = ask_once([json.dumps(whole, indent=indent).encode()], dialect, content_type=kind)
        assert (reply.text, told, reply.usage.requests) == ("Hello.", "Hello.", 1)


def test_a_stream_that_is_called_one_object_is_read_all_the_same() -> None:
    assert ask_once(write_events(*HELLO, STOP), content_type="application/json")[0].text == "Hello."


def test_the_halves_of_a_character_come_together() -> None:
    reply, told = ask_once(write_events(b'{"choices":[{"delta":{"content":"\\ud83d"}}]}', openai_says("\ude00!"), STOP))
    assert (reply.text, told) == ("😀!", "😀!")
    assert (
        ask_once(write_events(b'{"choices":[{"delta":{"content":"x\\ud83d"}}]}', STOP))[0].text
        == "x\N{REPLACEMENT CHARACTER}"
    )


def test_an_event_may_have_several_lines() -> None:
    pretty = json.dumps(openai_says("Hello."), indent=1).splitlines()
    pieces = [*(b"data: " + line.encode() + b"\n" for line in pretty), b"\n", *write_events(STOP)]
    assert ask_once(pieces)[0].text == "Hello."


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        *((word, ReplyEnd.LENGTH) for word in ("length", "max_tokens", "MAX_TOKENS", "model_length")),
        *((word, ReplyEnd.FILTERED) for word in ("content_filter", "SAFETY")),
        *((word, ReplyEnd.END) for word in ("stop", "end_turn", "tool_calls", "eos", "")),
    ],
)
def test_reasons_of_other_words_are_known(reason: str, end: ReplyEnd) -> None:
    reply, _ = ask_once(write_events(*HELLO, {"choices": [{"delta": {}, "finish_reason": reason}]}))
    assert (reply.text, reply.end) == ("Hello.", end)


def calling(**call: Any) -> dict[str, Any]:
    return {"choices": [{"delta": {"tool_calls": [call]}}]}


CALLS: dict[str, list[dict[str, Any]]] = {
    "openai": [
        calling(index=0, id="1", function={"name": "add", "arguments": '{"a"'}),
        calling(index=0, id=None, function={"name": None, "arguments": ": 1}"}),
    ],
    "openai, arguments as an object": [
        calling(index=None, function={"name": "add", "arguments": {"a": 1}}),
    ],
    "openai, as it was called once": [
        {"choices": [{"delta": {"function_call": {"name": "add", "arguments": '{"a": 1}'}}}]},
    ],
    "ollama": [{"message": {"content": None, "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]}}],
    "ollama, arguments as a text": [
        {"message": {"tool_calls": [None, {"function": {"name": "add", "arguments": '{"a": 1}'}}]}},
    ],
    "anthropic": [
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "1", "name": "add"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_tool_calls_are_understood_in_their_variants(name: str) -> None:
    dialect = name.partition(",")[0]
    reply, _ = ask_once(write_events(*CALLS[name], *ENDS[dialect], done=dialect == "openai"), dialect)
    (call,) = reply.calls
    assert (call.name, call.arguments, reply.end) == ("add", {"a": 1}, ReplyEnd.TOOLS)


def test_a_broken_call_behind_a_text_costs_the_call_alone() -> None:
    call = {"index": 0, "function": {"name": "add", "arguments": "{"}}
    reply, _ = ask_once(write_events(*HELLO, {"choices": [{"delta": {"tool_calls": [call]}}]}, STOP))
    assert (reply.text, reply.calls, reply.end) == ("Hello.", (), ReplyEnd.END)


# thoughts


def filter_pieces(pieces: list[str]) -> tuple[str, int]:
    """Return the text that a filter shows after its last restart, and the number of restarts."""
    one, text, begun = ThoughtFilter(), "", 0
    for piece in pieces:
        said = one.take(piece)
        if one.unopened > begun:
            begun, text = one.unopened, ""
        text += said
    return text + one.finish(), begun


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Hello.", "Hello."),
        ("", ""),
        ("<", "<"),
        ("<thin", "<thin"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("  \n<think>hm</think>Hello.", "Hello."),
        ("<think>hm", ""),
        ("<think></think>", ""),
        ("<think>\n\n</think>\n\nHello.", "Hello."),
        ("</think>\n\nHello.", "Hello."),
        ("<think>a < b </thin </think>Hello.", "Hello."),
        ("<think>a<think>b</think>Hello.", "Hello."),
        ("Sure.\n<think>hm</think>\nHello.", "Sure.\n\nHello."),
        ("Sure.\n<think>\nnever ended", "Sure.\n<think>\nnever ended"),
        ("Write `<think>` and `</think>`.", "Write `<think>` and `</think>`."),
        ("A tag is <think>so</think>.", "A tag is <think>so</think>."),
        ("```\n<think>\nx\n</think>\n```\n", "```\n<think>\nx\n</think>\n```\n"),
        ("hm, hm\n</think>\n\nHello.", "Hello."),
        ("hm, hm\n</think> is a tag\nHello.", "hm, hm\n</think> is a tag\nHello."),
        ("Hello.\n</think>", "Hello.\n"),
        ("    indented\n  more", "    indented\n  more"),
        ("İ<think>\nİ\n<think>İ</think>x", "İ<think>\nİ\nx"),
    ],
)
def test_what_is_thought_is_not_shown_however_it_comes(said: str, answer: str) -> None:
    for size in range(1, len(said) + 2):
        assert filter_pieces([said[at : at + size] for at in range(0, len(said), size)])[0] == answer, size


TAGGED = st.lists(st.sampled_from(["<think>", "</think>", "\n", "```", " ", "x", "<", "Hello", "İ"]), max_size=12)


@given(TAGGED, st.data())
def test_pieces_make_no_difference(parts: list[str], data: st.DataObject) -> None:
    said = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=5)))
    pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    assert filter_pieces(pieces) == filter_pieces([said])


@given(st.text(alphabet=st.characters(blacklist_characters="<[")))
def test_a_text_without_tags_is_shown_as_it_is(said: str) -> None:
    assert filter_pieces(list(said))[0] == said


# anything at all


@given(SHAPES)
def test_the_text_of_anything_is_a_text(value: object) -> None:
    assert isinstance(read_text(value), str)


@pytest.mark.parametrize("dialect", READERS)
@settings(max_examples=60)
@given(data=st.data())
def test_no_event_of_any_shape_raises_or_costs_the_text(dialect: str, data: st.DataObject) -> None:
    """Whatever comes between and behind well-formed pieces: only the port's own error, or the text in the answer."""
    strange = data.draw(st.lists(draw_event(dialect) | st.dictionaries(st.text(), SHAPES, max_size=3), max_size=6))
    reader = READERS[dialect](Announcer(lambda _: None))
    try:
        for event in [SAYS[dialect]("first "), *filter(None, strange), SAYS[dialect]("last")]:
            if not reader.ended:
                reader.feed(json.loads(json.dumps(event)))
        whole = not reader.ended
        reader.close(broken=False)
        reply = reader.make_reply(1)
    except ChatError:
        assert any(event.get("error") or event.get("type") == "error" for event in strange)
        return
    if "_form" in vars(reader):  # an answer by schema has begun, which is all of the answer then
        return
    assert reply.text.startswith("first ")
    assert reply.text.endswith("last") or not whole


BYTES = st.binary(max_size=30) | st.sampled_from([b"data: ", b"\n", b"\r\n", b"[DONE]", b"{", b"}", b"{}", b'{"a":1}'])


@given(st.lists(BYTES, max_size=20))
def test_bytes_of_any_kind_become_events_or_junk(pieces: list[bytes]) -> None:
    for whole in (True, False):
        parser = EventParser(whole=whole)
        events = [event for piece in pieces for event in parser.take(piece)] + parser.finish()
        assert all(isinstance(event, Junk | dict) for event in events)
        assert all(event is DONE for event in events if event == {})


@given(st.lists(st.dictionaries(st.text(min_size=1), SHAPES, min_size=1), max_size=5), st.data())
def test_events_come_out_as_sent_however_they_are_cut(values: list[dict[str, Any]], data: st.DataObject) -> None:
    wire = b"".join(write_events(*values))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    parser = EventParser(whole=False)
    found = [event for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True) for event in parser.take(wire[a:b])]
    assert repr(found + parser.finish()) == repr([*json.loads(json.dumps(values)), {}])
