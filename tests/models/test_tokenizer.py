from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelError
from models.tokenizer import Tokenizer
from tests.models import bundled

if TYPE_CHECKING:
    from pathlib import Path

MARKERS = ["<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<filename>", "<|endoftext|>", "<reponame>"]


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_in_user_text_stays_text(marker: str) -> None:
    tokenizer = bundled.tokenizer()
    text = f"x = '{marker}'  # {marker}{marker}"
    encoded = tokenizer.encode(text)
    assert not set(encoded.tokens) & set(MARKERS)
    assert tokenizer.decode([tokenizer.find_id(token) for token in encoded.tokens]) == text
    assert tokenizer.count(text) == len(encoded.tokens)


# Whatever a text holds, lone surrogates too: an editor may hand over half of an astral character.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)


@given(ANY_TEXT)
def test_ends_grow_to_the_length_of_the_text(text: str) -> None:
    encoded = bundled.tokenizer().encode(text)
    assert list(encoded.ends) == sorted(encoded.ends)
    assert encoded.ends[-1:] == ((len(text),) if text else ())


@given(ANY_TEXT)
def test_decoding_token_by_token_only_ever_appends(text: str) -> None:
    tokenizer = bundled.tokenizer()
    text = text.encode("utf-8", "replace").decode().replace("\N{REPLACEMENT CHARACTER}", "?")
    numbers = [tokenizer.find_id(token) for token in tokenizer.encode(text).tokens]
    before = ""
    for count in range(len(numbers) + 1):
        decoded = tokenizer.decode(numbers[:count])
        assert decoded.startswith(before)
        before = decoded
    assert before == text


def test_a_character_is_held_back_until_its_last_byte() -> None:
    tokenizer = bundled.tokenizer()
    encoded = tokenizer.encode("a😀b")
    numbers = [tokenizer.find_id(token) for token in encoded.tokens]
    assert [tokenizer.decode(numbers[: count + 1]) for count in range(len(numbers))] == ["a", "a", "a", "a😀", "a😀b"]
    assert encoded.ends == (1, 1, 1, 2, 3)


@pytest.mark.parametrize("begun", [" retu", "é", "x", "\n   "])
def test_all_tokens_that_go_on_with_a_text_are_found(begun: str) -> None:
    tokenizer = bundled.tokenizer()
    text = begun.encode()
    vocabulary = {number: tokenizer.find_token(number) for number in range(tokenizer.size)}
    spelled = {
        number: tokenizer.join_bytes([token]) for number, token in vocabulary.items() if not token.startswith("<")
    }
    expected = {number for number, one in spelled.items() if one.startswith(text) or text.startswith(one)}
    found = tokenizer.find_first_tokens(text)
    assert len(found) == len(set(found))
    assert set(found) == expected != set()


def test_no_marker_goes_on_with_a_text() -> None:
    tokenizer = bundled.tokenizer()
    found = {tokenizer.find_token(number) for number in tokenizer.find_first_tokens(b"<")}
    assert "<" in found
    assert not found & set(MARKERS)


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing; put the model's tokenizer\.json there"):
        Tokenizer.read(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"model": 3}'])
def test_a_damaged_tokenizer_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=str(path)):
        Tokenizer.read(path)
