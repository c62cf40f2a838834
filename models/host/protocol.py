"""The protocol between servers and host: OpenAI's completion request with an extension, the object `starling`.

The extension carries the fields that a `FillRequest` has beyond prompt and suffix, and options of Starling's client:

    {"path": "pkg/a.py", "snippets": [{"path": "...", "text": "...", "stable": true}],
     "score": ["a continuation to score", ...],        # instead of writing one
     "ranked": 4,                                      # report the likeliest first tokens
     "first": [number, log_prob],                      # begin with this token, one of those reported before
     "budget_ms": 500,                                 # time for the answer
     "placement": {"device": "auto", "compute_type": "auto", "threads": 0}}

Input is never trusted: every field is checked for its type and bound. Start at `CompletionRequest.read`.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from models.completion import FillRequest, RankedToken, Score, Snippet
from models.local.loading import COMPUTE_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROTOCOL = 2  # version of this protocol; hosts and clients of different versions never talk
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


def compute_proof(token: str, nonce: str) -> str:
    """Return a proof for `nonce` of knowing `token`, which does not reveal the token.

    A client checks it before it sends code: another program may have taken the port of a host that died.
    """
    return hmac.new(token.encode(), f"Starling's model host: {nonce}".encode(), hashlib.sha256).hexdigest()


class InvalidRequestError(ValueError):
    """A malformed request; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class PlacementSettings:
    """Requested device, compute type and number of threads of a model.

    As the settings `model.device`, `model.computeType` and `model.threads`.
    """

    device: str = "auto"
    compute_type: str = "auto"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A request to `/v1/completions`.

    Attributes:
        model: name of the model in the catalog.
        request: what to complete.
        stream: whether tokens are sent one by one, as server-sent events.
        log_probs: whether the log-probability of each token is sent.
        stops: texts that end the answer.
        score: continuations to score instead of completing.
        ranked: how many of the likeliest first tokens to report.
        first: the token to begin with.
        placing: requested device, compute type and threads.
    """

    model: str
    request: FillRequest
    stream: bool = False
    log_probs: bool = False
    stops: tuple[str, ...] = ()
    score: tuple[str, ...] = ()
    ranked: int = 1
    first: RankedToken | None = None
    placing: PlacementSettings = field(default_factory=PlacementSettings)

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> CompletionRequest:
        """Read the request from a JSON body.

        Raises:
            InvalidRequestError: a field is missing or invalid.
        """
        extension = _read_field(body, EXTENSION, dict, {})
        for name in ("n", "best_of"):
            if body.get(name) not in {None, 1}:
                raise InvalidRequestError(
                    f"{name} must be 1 here: one continuation is written; `{EXTENSION}.ranked` tells more."
                )
        if body.get("echo"):
            raise InvalidRequestError(f"echo is not known here; `{EXTENSION}.score` judges a continuation.")
        stops = body.get("stop") or ()
        first = extension.get("first")
        return cls(
            model=_read_field(body, "model", str, ""),
            request=FillRequest(
                path=_read_field(extension, "path", str, ""),
                prefix=_read_field(body, "prompt", str),
                suffix=_read_field(body, "suffix", str, "") if body.get("suffix") is not None else "",
                snippets=tuple(map(_read_snippet, _read_items(extension, "snippets", MOST_SNIPPETS))),
                max_tokens=_read_bounded(body, "max_tokens", 16, 1, MOST_TOKENS),
                budget_ms=float(_read_bounded(extension, "budget_ms", 0, 0, MOST_BUDGET_MS)),
            ),
            stream=_read_field(body, "stream", bool, default=False),
            log_probs=body.get("logprobs") not in {None, False},
            stops=_check_texts([stops] if isinstance(stops, str) else stops, "stop"),
            score=_check_texts(_read_items(extension, "score", MOST_SCORED), "score"),
            ranked=_read_bounded(extension, "ranked", 1, 1, MOST_RANKED),
            first=_read_ranked(first) if first is not None else None,
            placing=read_placement(_read_field(extension, "placement", dict, {})),
        )

    def make_body(self) -> dict[str, Any]:
        """Return the JSON body of this request, as Starling's client sends it: without stop texts and `ends_late`."""
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


def read_placement(table: Mapping[str, Any]) -> PlacementSettings:
    """Read the placement settings from the JSON object `table`.

    Raises:
        InvalidRequestError: a value is unknown or out of bounds.
    """
    wanted = PlacementSettings(
        _read_field(table, "device", str, "auto"),
        _read_field(table, "compute_type", str, "auto"),
        _read_bounded(table, "threads", 0, 0, 256),
    )
    if wanted.device not in DEVICES or wanted.compute_type not in COMPUTE_TYPES:
        raise InvalidRequestError(
            f"placement: device is one of {', '.join(DEVICES)}, compute_type of {', '.join(COMPUTE_TYPES)}."
        )
    return wanted


def format_score(score: Score) -> dict[str, Any]:
    """Return a score as JSON, without its text, which the client knows."""
    return {"log_probs": list(score.log_probs), "token_ends": list(score.token_ends)}


def read_score(text: str, body: Mapping[str, Any]) -> Score:
    """Return the score of `text` from the JSON of `format_score`.

    Raises:
        KeyError, TypeError, ValueError: `body` is malformed.
    """
    return Score(text, tuple(map(float, body["log_probs"])), tuple(map(int, body["token_ends"])))


def read_required_text(body: Mapping[str, Any], name: str) -> str:
    """Return the text in the field `name`.

    Raises:
        InvalidRequestError: the field is missing or no text.
    """
    return _read_field(body, name, str)


def _read_snippet(item: object) -> Snippet:
    """Read a snippet from JSON.

    Raises:
        InvalidRequestError: a field is missing or has the wrong type.
    """
    if not isinstance(item, dict):
        raise InvalidRequestError("snippets are objects with path, text and stable.")
    return Snippet(
        _read_field(item, "path", str, ""),
        _read_field(item, "text", str),
        _read_field(item, "stable", bool, default=True),
    )


def _read_ranked(item: object) -> RankedToken:
    """Read a ranked token from a JSON pair of id and log-probability.

    Raises:
        InvalidRequestError: `item` is no such pair.
    """
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], int) and isinstance(item[1], int | float):
        return RankedToken(item[0], float(item[1]))
    raise InvalidRequestError("first is a token's number and its log-probability, as they were reported.")


def _read_items(table: Mapping[str, Any], name: str, most: int) -> list[Any]:
    """Return the list in the field `name`; [] if it is missing.

    Raises:
        InvalidRequestError: the field is no list, or has more than `most` items.
    """
    items: list[Any] = _read_field(table, name, list, [])
    if len(items) > most:
        raise InvalidRequestError(f"{name} has {len(items)} items; there may be {most}.")
    return items


def _check_texts(items: Sequence[Any], name: str) -> tuple[str, ...]:
    """Return `items`, the value of the field `name`, as a tuple.

    Raises:
        InvalidRequestError: not all are texts, or one in the field "stop" is empty.
    """
    if not all(isinstance(item, str) and item for item in items) and name == "stop":
        raise InvalidRequestError("stop is a text, or a list of texts.")
    if not all(isinstance(item, str) for item in items):
        raise InvalidRequestError(f"{name} is a list of texts.")
    return tuple(items)


def _read_bounded(table: Mapping[str, Any], name: str, usual: int, least: int, most: int) -> int:
    """Return the integer in the field `name`, or `usual` if it is missing.

    Raises:
        InvalidRequestError: the field is no integer from `least` to `most`.
    """
    value = table.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequestError(f"{name} is a whole number from {least} to {most}.")
    return value


def _read_field(table: Mapping[str, Any], name: str, kind: type[Value], default: Value | None = None) -> Value:
    """Return the value of the field `name`, or `default` if it is missing.

    Raises:
        InvalidRequestError: the value is not of the type `kind`, or is missing without a `default`.
    """
    value = table.get(name, default)
    if not isinstance(value, kind):
        raise InvalidRequestError(f"{name} is missing or not a {kind.__name__}.")
    return value
