"""The network of the bundled model: forced decoding, and weights that are dropped and loaded again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from models.fim import Prompt
from models.local import engine
from models.local.greedy_decoding import Token
from models.local.loading import load
from tests.models import bundled
from tests.models.bundled import never
from tests.models.local.completions import LONG_S, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.local.engine import Engine, Placement


def load_network() -> Engine:
    """Return the bundled network on one thread."""
    return load(bundled.entry(), device="cpu", threads=1)._engine


@pytest.fixture
def network() -> Iterator[Engine]:
    """Yield the bundled network; close it after the test."""
    network = load_network()
    yield network
    network.close()


def test_forced_decoding_agrees_with_scoring_the_whole_sequence(network: Engine) -> None:
    tokenizer = bundled.tokenizer()
    prompt = Prompt(tokenizer.encode(REQUEST.prefix).tokens, 0, 24)
    texts = tokenizer.encode("side = side\n").tokens
    tokens = [Token(tokenizer.find_id(text), text) for text in texts]
    (whole,) = network._generator.score_batch([[*prompt.tokens, *texts]])
    for keep in (False, True, True):
        forced = network.force_decode(prompt, tokens, never, keep=keep)
        assert forced == pytest.approx(whole.log_probs[-len(texts) :], abs=0.15)


def test_weights_that_load_again_while_their_model_is_closed_are_released(monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_network()
    prompt = Prompt((*["a"] * 200, "b"), 200, 2)
    begun, closed = threading.Event(), threading.Event()
    usual, failures = engine._load, list[BaseException]()

    def slowly(folder: Path, placement: Placement) -> object:
        begun.set()
        assert closed.wait(LONG_S)
        return usual(folder, placement)

    def keep() -> None:
        try:
            network.cache_head(prompt)
        except engine.FAILURES as error:
            failures.append(error)

    monkeypatch.setattr(engine, "_load", slowly)
    network._drop()
    reading = threading.Thread(target=keep)
    reading.start()
    assert begun.wait(LONG_S)
    network.close()
    assert not network.is_released(), "they are still loading"
    closed.set()
    reading.join(LONG_S)
    assert network.is_released()
    assert [str(error) for error in failures] == ["the weights were unloaded"]
    assert not network.cached_heads.heads


def test_where_loading_again_fails_nothing_counts_as_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_network()
    prompt = Prompt((*["a"] * 200, "b"), 200, 2)

    def fail(*_: object) -> object:
        raise MemoryError("no room")

    try:
        network._drop()
        with monkeypatch.context() as patched:
            patched.setattr(engine, "_load", fail)
            with pytest.raises(MemoryError):
                network.cache_head(prompt)
        assert network.cached_heads.count_cached_tokens(prompt.tokens) == 0
        network.cache_head(prompt)
        assert network.cached_heads.count_cached_tokens(prompt.tokens) == 200
    finally:
        network.close()
