"""The dialect of OpenAI's completions: code behind a prompt, with our host's extension or without.

https://platform.openai.com/docs/api-reference/completions. Start at `extended` and `plain`, and at `Reader`.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from models.completion import Decoded, Ranked, StopReason
from models.host.protocol import EXTENSION
from models.remote.endpoint import Outgoing
from models.remote.lenient_json import count_of, number_of, rows_of, string_of, table_of, text_of
from models.remote.refusals import of_event
from models.tokenizer import LONE_SURROGATE, REPLACEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import Snippet
    from models.host.protocol import CompletionForm

PATH = "/completions"
# Not every server tells probabilities, and few take a suffix.
OPTIONAL = ("logprobs", "suffix")

# A token of code has at least so many characters on average, and so a window at least so many for each of its tokens.
CHARACTERS_PER_TOKEN = 3
LONGEST = 65_536  # characters of one continuation; no budget of tokens that we name gives so many
MOST_RANKED = 5  # likeliest tokens that such a server tells
SUFFIX_SHARE, SNIPPETS_SHARE = 0.15, 0.25


def extended(form: CompletionForm, headers: Mapping[str, str]) -> Outgoing:
    """To our own host: the request exactly."""
    return Outgoing(PATH, encodable(form.body()), headers)


def laid_out(form: CompletionForm, entry: ModelEntry, *, markers: bool) -> tuple[str, str]:
    """The prompt with the model's `markers`, or a prompt and a suffix for a server with a layout of its own."""
    request, begun = form.request, form.first.text if form.first is not None else ""
    window = max(64, entry.context_tokens - request.max_tokens - 8) * CHARACTERS_PER_TOKEN
    prefix, suffix = request.prefix, request.suffix[: int(window * SUFFIX_SHARE)]
    snippets = ""
    if markers:
        snippets = _snippets(request.snippets, entry, int(window * SNIPPETS_SHARE))
        prefix, suffix = _unmarked(prefix, entry), _unmarked(suffix, entry)
    prefix = _end(prefix, window - len(suffix) - len(snippets) - len(request.path))
    if markers:
        return _laid_out(request.path, snippets, prefix, suffix, entry) + begun, ""
    return prefix + begun, suffix


def plain(form: CompletionForm, entry: ModelEntry, without: Collection[str], *, markers: bool) -> Outgoing:
    """To any other server: with the model's `markers` in the prompt, or with a suffix and the server's own layout."""
    prompt, suffix = laid_out(form, entry, markers=markers)
    body: dict[str, Any] = {
        "model": entry.name,
        "prompt": prompt,
        "max_tokens": form.request.max_tokens,
        "temperature": 0,
        "stream": True,
        "logprobs": min(form.ranked, MOST_RANKED),
    }
    if suffix:
        body["suffix"] = suffix
    if markers:
        body["stop"] = [entry.fim.end]
    for name in without:
        body.pop(name, None)
    return Outgoing(PATH, encodable(body))


def authorize(key: str) -> Mapping[str, str]:
    """The key as a bearer's token."""
    return {"Authorization": f"Bearer {key}"} if key else {}


class Reader:
    """Reads one answer; each token is told as JSON: `[all the text so far, log-probability or null]`.

    Attributes:
        scores: what the host thinks of the continuations it was given.
        decoded: how it ended.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.started = False
        self.ended = False
        self.scores: list[Mapping[str, Any]] = []
        self.decoded = Decoded(0, 0, StopReason.END)
        self._text = ""
        self._tell = tell
        self._ranked = False  # whether the likeliest first tokens were told
        self.settled = False
        tell(json.dumps("begin"))

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event; `{}` is the end mark."""
        if event.get("error") and not self.settled:
            raise of_event(event)
        if not event:
            self.ended = True
            return
        self.started = self.started or any(event.get(name) for name in ("choices", "usage", EXTENSION))
        extension = table_of(event.get(EXTENSION))
        if ranking := extension.get("ranking"):
            self._tell(json.dumps({"ranking": ranking}))
            self._ranked = True
        if "scores" in extension:
            self.scores, self.ended = extension["scores"], True
        for choice in rows_of(event.get("choices")):
            if not isinstance(choice, dict) or number_of(choice.get("index"), 0):
                continue
            self._take(choice, extension.get("at"))
            if reason := string_of(choice.get("finish_reason")):
                self.settled = True
                self.decoded = Decoded(0, 0, StopReason.LENGTH if reason == "length" else StopReason.END)
        if usage := table_of(event.get("usage")):
            cached = table_of(usage.get("prompt_tokens_details")).get("cached_tokens")
            self.decoded = Decoded(count_of(usage.get("prompt_tokens")), count_of(cached), self.decoded.end)

    def pass_over(self, *, lossy: bool) -> bool:
        """What is no event counts only behind the end: code with a hole in it is no suggestion."""
        del lossy
        return self.settled

    def close(self, *, broken: bool) -> None:
        """The stream is over; some servers send no end mark."""
        del broken
        self.ended = self.ended or self.settled

    def _take(self, choice: Mapping[str, Any], at: int | None) -> None:
        new, told = text_of(choice.get("text")), table_of(choice.get("logprobs"))
        tokens, log_probs, ranking = _probabilities(told)
        if len(ranking) > 1 and not self._ranked:
            self._tell(json.dumps({"ranking": ranking}))
        self._ranked = self._ranked or bool(tokens)
        if at is not None:
            self._step(self._text[:at] + new, log_probs[0] if log_probs else None)
        elif len(tokens) > 1 and "".join(tokens) == new:  # a server that sends several at once
            for token, log_prob in zip(tokens, log_probs, strict=False):
                self._step(self._text + token, log_prob)
        elif new or log_probs:
            self._step(self._text + new, log_probs[0] if log_probs else None)

    def _step(self, text: str, log_prob: float | None) -> None:
        if len(text) > LONGEST:
            raise ValueError("more than was asked for")
        self._text = text
        self._tell(json.dumps([text, None if log_prob is None else _probability(log_prob)]))


class ObjectReader:
    """Reads one JSON object."""

    def __init__(self) -> None:
        self.started = False
        self.ended = False
        self.settled = False
        self.found: Mapping[str, Any] = {}

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take it."""
        self.started = self.ended = True
        self.found = event

    def pass_over(self, *, lossy: bool) -> bool:
        """Nothing else belongs there."""
        del lossy
        return False

    def close(self, *, broken: bool) -> None:
        """That was all."""


def read_ranking(told: Sequence[Any]) -> list[Ranked]:
    """The likeliest first tokens, from what a `Reader` told: by number, or by text where a server tells no other."""
    return [
        Ranked(-1, _probability(log_prob), token)
        if isinstance(token, str)
        else Ranked(int(token), _probability(log_prob))
        for token, log_prob in told
    ]


def _probability(told: float) -> float:
    """A logarithm of a probability; servers round certain tokens to a little above 0.

    Raises:
        ValueError: it is no number.
    """
    if math.isnan(value := float(told)):
        raise ValueError("a probability that is no number")
    return min(value, 0.0)


def _probabilities(told: Mapping[str, Any]) -> tuple[list[str], list[float | None], list[tuple[str, float]]]:
    """Tokens, their log-probabilities, and the likeliest in place of the first, best first.

    Servers write them in either of OpenAI's two ways: in lists beside each other, or, as llama.cpp's, as `content`.
    """
    if content := told.get("content"):
        ranked = [(str(one["token"]), _probability(one["logprob"])) for one in content[0].get("top_logprobs") or ()]
        tokens, log_probs = [str(one["token"]) for one in content], [one["logprob"] for one in content]
    else:
        tokens, log_probs = told.get("tokens") or [], told.get("token_logprobs") or []
        first = (told.get("top_logprobs") or [None])[0]
        ranked = [(str(token), _probability(value)) for token, value in (first or {}).items()]
    return tokens, log_probs, sorted(ranked, key=lambda one: -one[1])


def _laid_out(path: str, snippets: str, prefix: str, suffix: str, entry: ModelEntry) -> str:
    fim = entry.fim
    if fim.file and path and fim.path_place != "none":
        title = f"{fim.file}{_unmarked(path, entry)}\n"
        snippets, prefix = (snippets + title, prefix) if fim.path_place == "first" else (snippets, title + prefix)
    if fim.layouts[0] == "psm":
        return f"{snippets}{fim.prefix}{prefix}{fim.suffix}{suffix}{fim.middle}"
    if fim.layouts[0] == "suffix_first":
        return f"{snippets}{fim.suffix}{suffix}{fim.prefix}{prefix}{fim.middle}"
    return f"{snippets}{fim.prefix}{fim.suffix}{suffix}{fim.middle}{prefix}"


def _snippets(snippets: Sequence[Snippet], entry: ModelEntry, most: int) -> str:
    """Whole snippets, the most useful ones, behind the model's file marker; none for a model without one."""
    chosen: list[str] = []
    for snippet in snippets if entry.fim.file else ():
        text = f"{entry.fim.file}{_unmarked(snippet.path, entry)}\n{_unmarked(snippet.text, entry).rstrip()}\n"
        if len(text) > most:
            break
        most -= len(text)
        chosen.append(text)
    return "".join(chosen)


def _unmarked(text: str, entry: ModelEntry) -> str:
    """Text is data: another server's tokenizer would take these for markers."""
    fim = entry.fim
    for marker in filter(None, (fim.prefix, fim.suffix, fim.middle, fim.end, fim.file, fim.repository)):
        text = text.replace(marker, "")
    return text


def _end(text: str, most: int) -> str:
    """The last `most` characters, from the start of a line where one is near."""
    if len(text) <= most:
        return text
    kept = text[len(text) - most :]
    line = kept.find("\n") + 1
    return kept[line:] if line < most // 2 else kept


def encodable(body: dict[str, Any]) -> dict[str, Any]:
    """A body without lone halves of characters: no UTF-8 has them, and tokenizers see a replacement mark too."""
    mended: dict[str, Any] = json.loads(LONE_SURROGATE.sub(REPLACEMENT, json.dumps(body, ensure_ascii=False)))
    return mended
