"""Models that sessions share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from models import sharing
from models.completion import FillRequest
from models.errors import ModelError
from models.local.loading import load
from models.sharing import load_shared
from tests.models import bundled

if TYPE_CHECKING:
    from models.local.ctranslate_completion import CTranslateModel

REQUEST = FillRequest("a.py", "def add(a, b):\n    return ", "\n", max_tokens=4)


class Loader:
    """A loader of the bundled model that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> CTranslateModel:
        self.calls += 1
        return load(bundled.entry(), device="cpu", threads=1)


def test_weights_are_loaded_once_and_released_with_the_last_user() -> None:
    loader = Loader()
    first, second = load_shared("key", loader), load_shared("key", loader)
    assert loader.calls == 1
    assert (first.entry.name, first.threads, first.device) == (second.entry.name, 1, "cpu")
    first.close()
    first.close()
    (generation,) = second.generate(REQUEST, stop=lambda _: None, cancelled=lambda: False)
    assert generation.text
    second.close()
    assert "key" not in sharing._weights
    third = load_shared("key", loader)
    assert loader.calls == 2
    third.close()


def test_a_closed_share_ends_its_own_calls_only() -> None:
    loader = Loader()
    first, second = load_shared("key", loader), load_shared("key", loader)
    first.close()
    assert not first.generate(REQUEST, stop=lambda _: None, cancelled=lambda: False)[0].text
    assert second.score(REQUEST, ["a + b"], cancelled=lambda: False)
    second.close()


def test_other_settings_are_other_weights() -> None:
    loader = Loader()
    first, second = load_shared(("key", 1), loader), load_shared(("key", 2), loader)
    assert loader.calls == 2
    first.close()
    second.close()


def test_threads_that_want_the_same_weights_wait_for_one_load() -> None:
    loader = Loader()
    found = []
    threads = [threading.Thread(target=lambda: found.append(load_shared("key", loader))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loader.calls == 1
    for one in found:
        one.close()
    assert "key" not in sharing._weights


def test_a_failed_load_is_tried_again_by_the_next_one() -> None:
    def fail() -> CTranslateModel:
        raise ModelError("no")

    with pytest.raises(ModelError):
        load_shared("key", fail)
    assert "key" not in sharing._weights
    load_shared("key", Loader()).close()
