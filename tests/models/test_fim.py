from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalog.catalog import PromptShares
from models.completion import FillRequest, Snippet
from models.fim import lay_out
from tests.models import bundled

if TYPE_CHECKING:
    from models.catalog.catalog import ModelEntry
    from models.fim import Prompt

SHARES = PromptShares(0.35, 0.15, 0.35, 0.15)
LINES = "".join(f"value_{number} = compute({number}, 'text')\n" for number in range(400))
PIECES = st.sampled_from(
    ["x = 1\n", "    ", "\n", "😀", "\ud83d", "é", "日本", "<fim_middle>", "<|endoftext|>", "a" * 40, "\r\n", "\x00"]
)
TEXTS = st.tuples(st.lists(PIECES, max_size=6), st.integers(0, 300)).map(lambda drawn: "".join(drawn[0]) * drawn[1])
SNIPPETS = st.lists(
    st.builds(Snippet, path=TEXTS.map(lambda text: text[:90]), text=TEXTS, stable=st.booleans()), max_size=3
)


def variant(
    *, layout: str = "spm", place: str = "first", shares: PromptShares = SHARES, context: int = 512
) -> ModelEntry:
    entry = bundled.entry()
    fim = replace(entry.fim, layouts=(layout,), path_place=place)
    return replace(entry, fim=fim, shares=shares, context_tokens=context)


def make_prompt(request: FillRequest, entry: ModelEntry | None = None) -> Prompt:
    return lay_out(request, entry or variant(), bundled.tokenizer())


def decode_prompt(prompt: Prompt) -> str:
    """Return the prompt as text, markers included."""
    tokenizer = bundled.tokenizer()
    return tokenizer._encoder.decode([tokenizer.find_id(token) for token in prompt.tokens], skip_special_tokens=False)


REQUEST = FillRequest(
    "pkg/main.py",
    "before = 1\n",
    "\nafter = 2\n",
    (Snippet("z.py", "zed = 0"), Snippet("recent.py", "new = 3\n", stable=False), Snippet("a.py", "ant = 4\n")),
)
CONTEXT = "<filename>a.py\nant = 4\n<filename>z.py\nzed = 0\n<filename>recent.py\nnew = 3\n"


@pytest.mark.parametrize(
    ("layout", "place", "expected"),
    [
        (
            "spm",
            "first",
            "<filename>pkg/main.py\n<fim_prefix><fim_suffix>\nafter = 2\n<fim_middle>before = 1\n",
        ),
        (
            "spm",
            "prefix",
            "<fim_prefix><fim_suffix>\nafter = 2\n<fim_middle><filename>pkg/main.py\nbefore = 1\n",
        ),
        (
            "psm",
            "first",
            "<filename>pkg/main.py\n<fim_prefix>before = 1\n<fim_suffix>\nafter = 2\n<fim_middle>",
        ),
        (
            "suffix_first",
            "first",
            "<filename>pkg/main.py\n<fim_suffix>\nafter = 2\n<fim_prefix>before = 1\n<fim_middle>",
        ),
        (
            "psm",
            "prefix",
            "<fim_prefix><filename>pkg/main.py\nbefore = 1\n<fim_suffix>\nafter = 2\n<fim_middle>",
        ),
    ],
)
def test_each_layout_has_stable_context_first(layout: str, place: str, expected: str) -> None:
    assert decode_prompt(make_prompt(REQUEST, variant(layout=layout, place=place))) == CONTEXT + expected


def test_a_prompt_begins_with_the_models_first_token_and_still_fits() -> None:
    entry = variant(context=64)
    entry = replace(entry, fim=replace(entry.fim, begin="<|endoftext|>"))
    prompt = make_prompt(replace(REQUEST, prefix=REQUEST.prefix * 50, max_tokens=8), entry)
    assert prompt.tokens[0] == "<|endoftext|>"
    assert prompt.tokens.count("<|endoftext|>") == 1
    assert len(prompt.tokens) + prompt.max_tokens <= 64


def test_without_a_file_marker_no_path_is_shown() -> None:
    entry = variant()
    entry = replace(entry, fim=replace(entry.fim, file=""))
    assert decode_prompt(make_prompt(REQUEST, entry)).startswith("ant = 4\nzed = 0\nnew = 3\n<fim_prefix>")


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("spm", "<fim_prefix><fim_suffix>\nafter = 2\n<fim_middle>before = 1\n"),
        ("psm", "<fim_prefix>before = 1\n<fim_suffix>\nafter = 2\n<fim_middle>"),
    ],
)
def test_a_model_may_be_told_other_files_paths_and_not_the_asking_ones(layout: str, expected: str) -> None:
    assert decode_prompt(make_prompt(REQUEST, variant(layout=layout, place="none"))) == CONTEXT + expected


def test_a_share_of_nothing_shows_no_snippet() -> None:
    prompt = make_prompt(REQUEST, variant(shares=PromptShares(0.75, 0.25, 0.0, 0.0)))
    assert "zed" not in decode_prompt(prompt)
    assert "new" not in decode_prompt(prompt)


REQUESTS = st.builds(
    FillRequest,
    path=TEXTS.map(lambda text: text[:200]),
    prefix=TEXTS,
    suffix=TEXTS,
    snippets=SNIPPETS.map(tuple),
    max_tokens=st.integers(1, 999),
)


@pytest.mark.parametrize("layout", ["spm", "psm", "suffix_first"])
@pytest.mark.parametrize("context", [64, 200, 512])
@settings(max_examples=40, deadline=None)
@given(request=REQUESTS)
def test_prompt_and_answer_never_exceed_the_window(layout: str, context: int, request: FillRequest) -> None:
    prompt = make_prompt(request, variant(layout=layout, context=context))
    assert len(prompt.tokens) + prompt.max_tokens <= context
    assert 0 <= prompt.settled <= len(prompt.tokens)
    assert 1 <= prompt.max_tokens <= request.max_tokens
    for marker in ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"):
        assert prompt.tokens.count(marker) == 1, "whole and once, whatever the text says"
    assert "<|endoftext|>" not in prompt.tokens


@pytest.mark.parametrize(
    ("prefix", "again"),
    [
        ("self.conf", "conf"),
        ("x = comp", " comp"),
        ("x = ", " "),
        ("def f():\n    ", "\n    "),
        ("self.", ""),
        ("value_9", ""),
        ("call(", ""),
        ("x = '😀", ""),
        ("", ""),
    ],
)
@pytest.mark.parametrize("layout", ["spm", "psm"])
def test_the_prompt_ends_before_a_word_or_spaces_that_may_go_on(prefix: str, again: str, layout: str) -> None:
    prompt = make_prompt(FillRequest("", prefix, "\n"), variant(layout=layout))
    assert prompt.forced_start == again
    whole = prefix.removesuffix(again)
    assert (
        decode_prompt(prompt)
        == {
            "spm": f"<fim_prefix><fim_suffix>\n<fim_middle>{whole}",
            "psm": f"<fim_prefix>{whole}<fim_suffix>\n<fim_middle>",
        }[layout]
    )


LARGE = replace(variant(layout="psm"), parameters=500_000_000)


def test_a_large_model_says_a_begun_word_again() -> None:
    assert make_prompt(FillRequest("", "self.conf", "\n"), LARGE).forced_start == "conf"


@pytest.mark.parametrize("prefix", ["def f():\n    ", "x = ", 'def f():\n    """Do it."""\n        '])
def test_a_large_model_reads_the_spaces_before_the_cursor(prefix: str) -> None:
    prompt = make_prompt(FillRequest("", prefix, "\n"), LARGE)
    assert prompt.forced_start == ""
    assert decode_prompt(prompt) == f"<fim_prefix>{prefix}<fim_suffix>\n<fim_middle>"


@pytest.mark.parametrize(
    ("healing", "prefix", "again"),
    [
        (("words",), "self.conf", "conf"),
        (("words",), "def f():\n    ", ""),
        (("spaces",), "self.conf", ""),
        (("spaces",), "x = ", " "),
        (("spaces", "words"), "self.conf", "conf"),
        ((), "self.conf", ""),
    ],
)
@pytest.mark.parametrize("parameters", [6_000_000, 500_000_000])
def test_an_entry_says_what_is_said_again(healing: tuple[str, ...], prefix: str, again: str, parameters: int) -> None:
    entry = replace(LARGE, fim=replace(LARGE.fim, healing=healing), parameters=parameters)
    assert make_prompt(FillRequest("", prefix, "\n"), entry).forced_start == again


@given(text=TEXTS)
def test_what_the_answer_says_again_is_the_end_of_the_prefix(text: str) -> None:
    prompt = make_prompt(FillRequest("", text, ""))
    assert text.endswith(prompt.forced_start)


def test_a_long_prefix_keeps_its_end_and_begins_at_a_line_start() -> None:
    prompt = make_prompt(FillRequest("", LINES + "last = ", "\n"))
    prefix = decode_prompt(prompt).partition("<fim_middle>")[2]
    assert prefix.startswith("value_")
    assert prefix.endswith("\nlast =")
    assert prompt.forced_start == " "
    assert ("\n" + LINES + "last = ").endswith("\n" + prefix + prompt.forced_start)


def test_a_long_suffix_keeps_its_beginning_and_ends_with_a_line() -> None:
    text = decode_prompt(make_prompt(FillRequest("", "x = ", "\n" + LINES)))
    suffix = text.partition("<fim_suffix>")[2].partition("<fim_middle>")[0]
    assert suffix.startswith("\nvalue_0 = ")
    assert suffix.endswith("'text')\n")


def test_a_long_snippet_keeps_whole_lines() -> None:
    text = decode_prompt(make_prompt(FillRequest("", "x = ", "\n", (Snippet("a.py", LINES),))))
    snippet = text.partition("<fim_prefix>")[0]
    assert snippet.startswith("<filename>a.py\nvalue_0 = ")
    assert snippet.endswith("'text')\n")


def test_what_other_parts_leave_unused_goes_to_the_prefix() -> None:
    alone = make_prompt(FillRequest("", LINES, ""))
    beside = make_prompt(FillRequest("", LINES, LINES, (Snippet("a.py", LINES), Snippet("b.py", LINES, stable=False))))
    assert len(decode_prompt(alone).partition("<fim_middle>")[2]) > 2 * len(
        decode_prompt(beside).partition("<fim_middle>")[2]
    )
    assert len(alone.tokens) > 512 - 64 - 60


def test_one_long_line_is_cut_between_tokens_and_fills_the_window() -> None:
    prompt = make_prompt(FillRequest("", "xyz," * 5000, ""))
    assert len(prompt.tokens) + prompt.max_tokens > 500


def test_a_long_path_loses_folders_from_the_left() -> None:
    text = decode_prompt(make_prompt(FillRequest("deep/" * 50 + "src/main.py", "x = 1\n", "")))
    assert text.startswith("<filename>deep/deep/")
    assert "src/main.py\n" in text
    assert text.count("deep/") < 50


def test_a_newline_in_a_path_cannot_end_it() -> None:
    assert decode_prompt(make_prompt(FillRequest("a\nimport os.py", "x", ""))).startswith("<filename>a import os.py\n")


def test_the_settled_part_stands_while_a_person_types() -> None:
    typed = "result = combine(first_value, second_value)"
    prompts = [make_prompt(FillRequest("a.py", LINES + typed[:end], "\nrest = 1\n")) for end in range(len(typed))]
    heads = {prompt.tokens[: prompt.settled] for prompt in prompts}
    assert len(heads) <= 2
    assert all(len(prompt.tokens) - prompt.settled < 200 for prompt in prompts)


def test_splitting_off_the_settled_part_changes_no_token() -> None:
    tokenizer = bundled.tokenizer()
    prompt = make_prompt(FillRequest("", LINES, ""))
    begin = prompt.tokens.index("<fim_middle>") + 1
    text = decode_prompt(prompt).partition("<fim_middle>")[2]
    assert prompt.settled > begin
    assert prompt.tokens[begin:] == tokenizer.encode(text).tokens


def test_only_the_neighbourhood_of_the_cursor_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = bundled.tokenizer()
    seen: list[int] = []
    encode = tokenizer.encode
    monkeypatch.setattr(tokenizer, "encode", lambda text: (seen.append(len(text)), encode(text))[1])
    make_prompt(FillRequest("a.py", LINES * 130, LINES * 130))
    assert max(seen) < 4000
    assert sum(seen) < 30_000
