"""A host with a scripted model, made for a test and ended with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from models.scripted.scripted_completion import ENTRY, ScriptedModel
from tests.models.host.serving import ROOMY, Serving, make_scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.host.loaded_models import Limits


@pytest.fixture
def serve() -> Iterator[Callable[..., Serving]]:
    made: list[Serving] = []

    def start(model: ScriptedModel | None = None, *, limits: Limits = ROOMY, token: str = "", **more: Any) -> Serving:
        models = {"scripted": (ENTRY, lambda: model or make_scripted())} | more
        made.append(Serving(models, limits=limits, token=token))
        return made[-1]

    yield start
    for one in made:
        one.close()
