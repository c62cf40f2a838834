"""An editor with a generator of its own, and scripted models; for tests of `agents/completion/`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.generator import Generator
from agents.suggestions import Completion, Trigger
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from tests import marked
from tests.agents.doubles import MemoryIndex, parse_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.index import Index
    from models.completion import CompletionModel

SURE = -0.01
HARDLY_SURE = -0.3
UNSURE = -3.0
LONG_S = 30.0
LARGE = replace(ENTRY, name="large", parameters=500_000_000)


def never() -> bool:
    """Return false: the request is not cancelled."""
    return False


class Editor:
    """An editor with a generator of its own; documents are given as fixtures with a `$0` at the cursor."""

    def __init__(
        self,
        model: CompletionModel | None = None,
        *,
        index: MemoryIndex | None = None,
        policy: CompletionPolicy | None = None,
        quick: CompletionModel | None = None,
    ) -> None:
        self.index = index or MemoryIndex()
        self.generator = Generator(cast("Index", self.index), model, quick=quick, policy=policy or CompletionPolicy())

    def ask(
        self,
        fixture: str,
        *,
        trigger: Trigger = Trigger.AUTOMATIC,
        language: str = "python",
        selected: str | None = None,
        cancelled: Callable[[], bool] = never,
        limit: int = 1,
    ) -> Completion:
        """Return the generator's answer for the cursor of `fixture`."""
        document, offset = parse_place(fixture, language)
        return self.generator.complete(
            document, offset, trigger=trigger, selected=selected, cancelled=cancelled, limit=limit
        )

    def complete(self, fixture: str, **options: object) -> str:
        """Return the document with the best suggestion applied, "" if there is none."""
        completion = self.ask(fixture, **options)  # type: ignore[arg-type]  # options of `ask`
        return apply_best(fixture, completion)


def apply_best(fixture: str, completion: Completion) -> str:
    """Return the document of `fixture` with the best suggestion applied, "" if there is none."""
    if not completion.suggestions:
        return ""
    text = marked.parse(fixture).text
    best = completion.suggestions[0]
    return text[: best.start] + best.text + text[best.end :]


def make_model(text: str, log_prob: float = SURE, *, token_s: float = 0.0) -> ScriptedModel:
    """Return a model that always writes `text`, each token with `log_prob` and after `token_s` seconds."""
    return ScriptedModel(lambda _: text, log_prob=log_prob, token_s=token_s)
