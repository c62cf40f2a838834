"""What goes over the connection: OpenAI's completion request with one object more, `starling`, and back into records.

That object carries what a `FillRequest` has beyond prompt and suffix, exactly, and what else our own client asks:

    {"path": "pkg/a.py", "snippets": [{"path": "...", "text": "...", "stable": true}],
     "score": ["a continuation to judge", ...],        # instead of writing one
     "ranked": 4,                                      # tell the likeliest first tokens
     "first": [number, log_prob],                      # begin with this one of them
     "budget_ms": 500,                                 # the time that the answer may take
     "placement": {"device": "auto", "compute_type": "auto", "threads": 0}}

Never trusts what comes: every field has its type and its bound. Start at `CompletionForm.read`.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from models.completion import FillRequest, Ranked, Score, Snippet
from models.local.loading import COMPUTE_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROTOCOL = 2  # of this page; hosts and clients of two numbers never talk
HEADER = "x-starling-protocol"
PROOF_PATH = "/starling/proof"
NONCE_HEADER = "x-starling-nonce"
CLIENT_HEADER = "x-starling-client"
EXTENSION = "starling"

MOST_TOKENS = 8192
MOST_SNIPPETS = 256
MOST_SCORED = 256
MOST_RANKED = 64
MOST_BUDGET_MS = 600_000
DEVICES = ("auto", "cpu", "cuda")

Value = TypeVar("Value")


def proof(token: str, nonce: str) -> str:
    """Return what shows that a host knows `token`, without telling it: whoever else took its port gets no code."""
    return hmac.new(token.encode(), f"Starling's model host: {nonce}".encode(), hashlib.sha256).hexdigest()


class FormError(ValueError):
    """A request that is none; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Placing:
    """Where and how a model is to compute; as the settings `model.device`, `model.computeType`, `model.threads`."""

    device: str = "auto"
    compute_type: str = "auto"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class CompletionForm:
    """A request to `/v1/completions`.

    Attributes:
        model: its name in the catalog.
        request: what to complete.
        stream: tokens one by one, as server-sent events.
        log_probs: tell each token's.
        stops: texts that end the answer.
        score: continuations to judge instead.
        ranked: how many of the likeliest first tokens to tell.
        first: the token to begin with.
        placing: where and how to compute.
    """

    model: str
    request: FillRequest
    stream: bool = False
    log_probs: bool = False
    stops: tuple[str, ...] = ()
    score: tuple[str, ...] = ()
    ranked: int = 1
    first: Ranked | None = None
    placing: Placing = field(default_factory=Placing)

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> CompletionForm:
        """The request in a JSON body.

        Raises:
            FormError: it is none.
        """
        extension = _get(body, EXTENSION, dict, {})
        for name in ("n", "best_of"):
            if body.get(name) not in {None, 1}:
                raise FormError(f"{name} must be 1 here: one continuation is written; `{EXTENSION}.ranked` tells more.")
        if body.get("echo"):
            raise FormError(f"echo is not known here; `{EXTENSION}.score` judges a continuation.")
        stops = body.get("stop") or ()
        first = extension.get("first")
        return cls(
            model=_get(body, "model", str, ""),
            request=FillRequest(
                path=_get(extension, "path", str, ""),
                prefix=_get(body, "prompt", str),
                suffix=_get(body, "suffix", str, "") if body.get("suffix") is not None else "",
                snippets=tuple(map(_snippet, _items(extension, "snippets", MOST_SNIPPETS))),
                max_tokens=_bounded(body, "max_tokens", 16, 1, MOST_TOKENS),
                budget_ms=float(_bounded(extension, "budget_ms", 0, 0, MOST_BUDGET_MS)),
            ),
            stream=_get(body, "stream", bool, default=False),
            log_probs=body.get("logprobs") not in {None, False},
            stops=_texts([stops] if isinstance(stops, str) else stops, "stop"),
            score=_texts(_items(extension, "score", MOST_SCORED), "score"),
            ranked=_bounded(extension, "ranked", 1, 1, MOST_RANKED),
            first=_ranked(first) if first is not None else None,
            placing=placing(_get(extension, "placement", dict, {})),
        )

    def body(self) -> dict[str, Any]:
        """The JSON of it, as our client sends it."""
        extension: dict[str, Any] = {
            "path": self.request.path,
            "snippets": [{"path": one.path, "text": one.text, "stable": one.stable} for one in self.request.snippets],
            "placement": {name: getattr(self.placing, name) for name in ("device", "compute_type", "threads")},
        }
        if self.score:
            extension["score"] = list(self.score)
        if self.request.budget_ms > 0:
            extension["budget_ms"] = min(max(1, round(self.request.budget_ms)), MOST_BUDGET_MS)
        if self.ranked > 1:
            extension["ranked"] = self.ranked
        if self.first is not None:
            extension["first"] = [self.first.number, self.first.log_prob]
        return {
            "model": self.model,
            "prompt": self.request.prefix,
            "suffix": self.request.suffix,
            "max_tokens": self.request.max_tokens,
            "temperature": 0,
            "stream": self.stream,
            "logprobs": 1 if self.log_probs else None,
            EXTENSION: extension,
        }


def placing(table: Mapping[str, Any]) -> Placing:
    """Where and how to compute.

    Raises:
        FormError: nowhere that is known.
    """
    wanted = Placing(
        _get(table, "device", str, "auto"),
        _get(table, "compute_type", str, "auto"),
        _bounded(table, "threads", 0, 0, 256),
    )
    if wanted.device not in DEVICES or wanted.compute_type not in COMPUTE_TYPES:
        raise FormError(
            f"placement: device is one of {', '.join(DEVICES)}, compute_type of {', '.join(COMPUTE_TYPES)}."
        )
    return wanted


def score_body(score: Score) -> dict[str, Any]:
    """A score as JSON; its text is the asker's own."""
    return {"log_probs": list(score.log_probs), "token_ends": list(score.token_ends)}


def read_score(text: str, body: Mapping[str, Any]) -> Score:
    """The score of `text`.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    return Score(text, tuple(map(float, body["log_probs"])), tuple(map(int, body["token_ends"])))


def text_of(body: Mapping[str, Any], name: str) -> str:
    """A text that must be there.

    Raises:
        FormError: it is not.
    """
    return _get(body, name, str)


def _snippet(item: object) -> Snippet:
    if not isinstance(item, dict):
        raise FormError("snippets are objects with path, text and stable.")
    return Snippet(_get(item, "path", str, ""), _get(item, "text", str), _get(item, "stable", bool, default=True))


def _ranked(item: object) -> Ranked:
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], int) and isinstance(item[1], int | float):
        return Ranked(item[0], float(item[1]))
    raise FormError("first is a token's number and its log-probability, as they were told.")


def _items(table: Mapping[str, Any], name: str, most: int) -> list[Any]:
    items: list[Any] = _get(table, name, list, [])
    if len(items) > most:
        raise FormError(f"{name} has {len(items)} items; there may be {most}.")
    return items


def _texts(items: Sequence[Any], name: str) -> tuple[str, ...]:
    if not all(isinstance(item, str) and item for item in items) and name == "stop":
        raise FormError("stop is a text, or a list of texts.")
    if not all(isinstance(item, str) for item in items):
        raise FormError(f"{name} is a list of texts.")
    return tuple(items)


def _bounded(table: Mapping[str, Any], name: str, usual: int, least: int, most: int) -> int:
    value = table.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise FormError(f"{name} is a whole number from {least} to {most}.")
    return value


def _get(table: Mapping[str, Any], name: str, kind: type[Value], default: Value | None = None) -> Value:
    value = table.get(name, default)
    if not isinstance(value, kind):
        raise FormError(f"{name} is missing or no {kind.__name__}.")
    return value
