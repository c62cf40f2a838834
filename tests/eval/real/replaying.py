"""Stored answers of a decoder, so that a change of ranking is measured without decoding again.

Decoding is greedy: the same weights and the same prompt give the same tokens. Only for arms whose answers do not depend
on time. Start at `Replaying`.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.local.greedy_decoding import Step, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from models.fim import Prompt
    from models.local.engine import Engine
    from models.local.greedy_decoding import Steering


@dataclass(frozen=True)
class _Again:
    """Steering along the recorded tokens, and after them by the caller's steering.

    Attributes:
        inner: the caller's steering.
        told: returns the id of the next recorded token in a list; an empty list after the last one.
    """

    inner: Steering
    told: Callable[[], Sequence[int]]

    def list_allowed(self) -> Sequence[int] | None:
        """Return the ids to choose from; None for any."""
        return self.told() or self.inner.list_allowed()

    def spell(self, number: int) -> str:
        """Return the token with the id `number`."""
        return self.inner.spell(number)


class Replaying:
    """An engine that decodes each prompt once; all other attributes are those of the engine.

    Attributes:
        spared_s: seconds that the replayed answers took when they were decoded.
    """

    def __init__(self, engine: Engine, path: Path, weights: str) -> None:
        """Read the stored answers.

        Args:
            engine: the engine that decodes.
            path: file of the stored answers.
            weights: identity of the weights.
        """
        self.spared_s = 0.0
        self._engine = engine
        self._path = path
        self._weights = weights
        self._known: dict[str, dict[str, Any]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                self._known[record["prompt"]] = record

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def keep(self, _: Prompt) -> None:
        """Do nothing; reading a prompt ahead does not help, because the next place is in another file."""

    def decode(self, prompt: Prompt, on_step: Callable[[Step], bool], **options: Any) -> Any:
        """Decode as the engine does, with recorded tokens first; store new tokens."""
        if options.get("ranked", 1) > 1 or options.get("ignore_ends"):
            return self._engine.decode(prompt, on_step, **options)
        key = self._hash_prompt(prompt)
        known = self._known.get(key)
        steps: list[Step] = []
        if known is not None:
            for number, text, log_prob in known["steps"]:
                steps.append(Step(Token(number, text), log_prob))
                if on_step(steps[-1]):
                    self.spared_s += known["seconds"]
                    return 0, ()
            if known["ended"]:
                self.spared_s += known["seconds"]
                return 0, ()
        replayed, came, stopped = len(steps), 0, False
        if options.get("steering") is not None:
            told = [step.token.number for step in steps]
            options["steering"] = _Again(options["steering"], lambda: told[came : came + 1])

        def watch(step: Step) -> bool:
            """Skip the recorded tokens, then record a new one; return whether decoding has to stop."""
            nonlocal came, stopped
            came += 1
            if came <= replayed:  # told before
                return False
            steps.append(step)
            stopped = on_step(step)
            return stopped

        began = time.monotonic()
        found = self._engine.decode(prompt, watch, **options)
        self._store(key, steps, ended=not stopped, seconds=time.monotonic() - began)
        return found

    def _hash_prompt(self, prompt: Prompt) -> str:
        """Return a hash of the weights and the prompt."""
        again = (f"again {prompt.forced_start}",) if prompt.forced_start else ()
        text = "\0".join((self._weights, str(prompt.max_tokens), *prompt.tokens, *again))
        return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()

    def _store(self, key: str, steps: list[Step], *, ended: bool, seconds: float) -> None:
        """Store the steps of a prompt; `ended` says whether the model, not the caller, ended them."""
        told = [[step.token.number, step.token.text, round(step.log_prob, 4)] for step in steps]
        record = {"prompt": key, "steps": told, "ended": ended, "seconds": round(seconds, 3)}
        self._known[key] = record
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
