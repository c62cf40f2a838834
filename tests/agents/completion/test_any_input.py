"""With any document and any text of a model, completion does not fail, deletes no code and keeps line endings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.cursor import Cursor
from agents.completion.generator import Generator
from agents.completion.plan import plan
from agents.completion.reuse import LEAST_REST, SuggestionCache
from agents.completion.shaping.brackets import scan_brackets
from agents.completion.shaping.cleaning import clean
from agents.completion.stop_rules import StopRules
from agents.suggestions import Origin, Suggestion, Trigger
from indexing.syntax.documents import Document
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.doubles import MemoryIndex, make_recalled

if TYPE_CHECKING:
    from indexing.index import Index

LANGUAGES = st.sampled_from(["python", "javascript", "go", "rust", "markdown", "text", "no-such-language"])
# Pieces that code is made of, and any character there is, lone surrogates included.
PIECES = st.sampled_from(
    [
        *(
            "def f(x):\n",
            "    return x\n",
            "x = (",
            ")",
            "{",
            "}\n",
            '"',
            "'''",
            '"""',
            "# no",
            "\t",
            "\r\n",
            "\r",
            "\n",
        ),
        *("if a:\n", "\\", "self.a", "<fim_middle>", "a, a, a, a, a, a, ", "\U0001f600", "e\u0301", "\x00", "\ud800"),
    ]
)
TEXTS = st.lists(PIECES | st.text(st.characters(), max_size=4), max_size=24).map("".join)
ONE_ENDING = st.sampled_from(["\n", "\r\n"])


def make_document(text: str, language: str) -> Document:
    return Document("untitled:any", None, language, text)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, at=st.floats(0, 1), raw=TEXTS, language=LANGUAGES, trigger=st.sampled_from(Trigger))
def test_any_completion_of_any_document_is_a_plain_replacement_around_the_cursor(
    text: str, at: float, raw: str, language: str, trigger: Trigger
) -> None:
    offset = round(at * len(text))
    index = MemoryIndex(recalled=(make_recalled(raw[: len(raw) // 2]),))
    generator = Generator(cast("Index", index), ScriptedModel(lambda _: raw), policy=CompletionPolicy(threshold=0.0))
    try:
        completion = generator.complete(
            make_document(text, language), offset, trigger=trigger, cancelled=lambda: False, limit=3
        )
    finally:
        generator.close()
    assert bool(completion.suggestions) != bool(completion.why_empty)
    for suggestion in completion.suggestions:
        assert 0 <= suggestion.start <= offset <= suggestion.end <= len(text)
        assert suggestion.text
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]|<fim_", suggestion.text)
        # Only closing brackets, quotes and marks on the cursor's own line are replaced.
        assert not re.search(r"[\r\n]|\w", text[offset : suggestion.end])
        assert 0.0 <= suggestion.confidence <= 1.0


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(
        st.sampled_from(["def f(x):", "    return x", "", "x = 1", "if x:", "    y()"]), min_size=2, max_size=8
    ),
    raw=TEXTS,
    ending=ONE_ENDING,
    line=st.integers(0, 7),
)
def test_a_document_keeps_its_line_endings(lines: list[str], raw: str, ending: str, line: int) -> None:
    text = ending.join([*lines, ""])
    offset = len(ending.join(lines[: line % len(lines) + 1]))
    generator = Generator(cast("Index", MemoryIndex()), ScriptedModel(lambda _: raw), policy=CompletionPolicy())
    try:
        completion = generator.complete(
            make_document(text, "python"), offset, trigger=Trigger.INVOKED, cancelled=lambda: False
        )
    finally:
        generator.close()
    for suggestion in completion.suggestions:
        applied = text[: suggestion.start] + suggestion.text + text[suggestion.end :]
        assert "\n" not in applied.replace(ending, "")
        assert "\r" not in applied.replace(ending, "")


@settings(deadline=None)
@given(text=TEXTS, language=LANGUAGES, quote=st.sampled_from(["", '"', "'", '"""', "`"]))
def test_positions_of_unopened_brackets_are_right_in_any_text(text: str, language: str, quote: str) -> None:
    balance = scan_brackets(text, language, quote)
    assert "".join(text[at] for at in balance.unopened) == balance.closers


@settings(deadline=None)
@given(text=TEXTS, at=st.floats(0, 1), said=TEXTS, trigger=st.sampled_from(Trigger))
def test_stop_rules_only_cut_the_end_of_a_text(text: str, at: float, said: str, trigger: Trigger) -> None:
    cursor = Cursor.at(make_document(text, "python"), round(at * len(text)))
    rules = StopRules(cursor, plan(cursor, None, trigger=trigger, policy=CompletionPolicy()))
    keep = rules(said)
    assert keep is None or 0 <= keep < len(said)


@settings(deadline=None)
@given(text=TEXTS)
def test_cleaning_is_idempotent(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@settings(deadline=None)
@given(text=TEXTS, at=st.floats(0, 1), said=TEXTS.filter(str.strip), typed=st.integers(0, 20))
def test_the_rest_of_a_typed_suggestion_completes_it(text: str, at: float, said: str, typed: int) -> None:
    offset, cache = round(at * len(text)), SuggestionCache()
    cache.put(make_document(text, "python"), offset, Suggestion("s", said, offset, offset, Origin.MODEL, 0.9))
    after = text[:offset] + said[:typed] + text[offset:]
    rest = cache.find(make_document(after, "python"), offset + len(said[:typed]))
    if rest is None:
        assert len(said[typed:].strip()) < LEAST_REST
    else:
        assert after[: rest.start] + rest.text + after[rest.end :] == text[:offset] + said + text[offset:]
