"""The choice and the bounds of cached heads."""

from __future__ import annotations

from models.fim import Prompt
from models.local import cached_heads
from models.local.cached_heads import CachedHeads, compute_cache_bytes

TOKENS = tuple(f"t{number}" for number in range(400))


def make_heads(*heads: tuple[str, ...], window_tokens: int = 512, cache_bytes: int = 1 << 30) -> CachedHeads:
    """Return a record with `heads`, where the KV state of a token has 1,000 bytes."""
    record = CachedHeads(window_tokens, cache_bytes, kv_token_bytes=1000)
    for head in heads:
        assert not record.add(head)
    return record


def test_cached_states_take_a_share_of_the_weights_within_bounds() -> None:
    assert compute_cache_bytes(7_000_000) == cached_heads.LEAST_CACHE_BYTES
    assert compute_cache_bytes(600_000_000) == 360_000_000
    assert compute_cache_bytes(8_000_000_000) == cached_heads.MOST_CACHE_BYTES


def test_heads_are_bounded_in_windows_and_in_bytes() -> None:
    assert make_heads(window_tokens=512).most_tokens == 1024
    assert make_heads(cache_bytes=300_000).most_tokens == 300


def test_the_longest_kept_head_of_a_prompt_counts() -> None:
    heads = make_heads(TOKENS[:100], TOKENS[:200], ("other",) * 300)
    assert heads.count_cached_tokens(TOKENS) == 200
    assert heads.count_cached_tokens(TOKENS[:150]) == 100
    assert heads.count_cached_tokens(TOKENS[1:]) == 0


def test_a_new_head_is_read_only_if_it_is_kept_or_none_fits() -> None:
    heads = make_heads(TOKENS[:100])
    assert heads.choose_head(TOKENS, 300, keep=True) == (300, 0)
    assert heads.choose_head(TOKENS, 300, keep=False) == (100, 100)
    assert heads.choose_head(TOKENS[1:], 300, keep=False) == (300, 0)


def test_the_last_token_of_a_prompt_belongs_to_no_head() -> None:
    assert make_heads().choose_head(TOKENS[:200], 200, keep=True) == (199, 0)
    assert not make_heads(TOKENS[:200]).count_cached_tokens(TOKENS[:199])


def test_a_short_head_is_not_kept() -> None:
    assert make_heads().choose_head(TOKENS, 63, keep=True) == (0, 0)
    assert not make_heads().should_cache(Prompt(TOKENS, 63, 1))
    assert make_heads().should_cache(Prompt(TOKENS, 64, 1))


def test_in_a_long_window_a_head_that_lacks_little_is_used_as_it_is() -> None:
    prompt = Prompt(TOKENS, 164, 1)
    assert make_heads(TOKENS[:100]).should_cache(prompt)
    assert not make_heads(TOKENS[:100], window_tokens=2048).should_cache(prompt)
    assert make_heads(TOKENS[:99], window_tokens=2048).should_cache(prompt)


def test_without_room_all_others_are_forgotten() -> None:
    heads = make_heads(TOKENS[:100], TOKENS[:150], cache_bytes=300_000)
    assert heads.has_room(Prompt(TOKENS, 50, 1))
    assert not heads.has_room(Prompt(TOKENS, 51, 1))
    assert heads.add(TOKENS[:200])
    assert heads.heads == {TOKENS[:200]}
    assert not heads.add(TOKENS[:200]), "it is kept already"
