"""OpenAI's completions: requests with and without our host's extension, and the reader of an answer.

https://platform.openai.com/docs/api-reference/completions. Start at `write_host_request`, `write_request` and `Reader`.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from models.completion import DecodingResult, RankedToken, StopReason
from models.host.protocol import EXTENSION
from models.remote.exchange import Outgoing
from models.remote.lenient_json import read_count, read_list, read_number, read_object, read_string, read_text
from models.remote.refusals import explain_error_event
from models.tokenizer import LONE_SURROGATE, REPLACEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import Snippet
    from models.host.protocol import CompletionRequest

PATH = "/completions"
# Fields that can be left out: not every server returns probabilities or usage, and few take a suffix.
OPTIONAL = ("logprobs", "suffix", "stream_options")

# Lower bound of the average length of a token of code, to estimate the characters that fit a window.
CHARACTERS_PER_TOKEN = 3
LONGEST = 65_536  # characters of one continuation; more than any token budget of ours can give
MOST_RANKED = 5  # likeliest tokens to ask for, at most; OpenAI's own limit
SUFFIX_SHARE, SNIPPETS_SHARE = 0.15, 0.25


def write_host_request(form: CompletionRequest, headers: Mapping[str, str]) -> Outgoing:
    """Return the request to our own host, with the body of `CompletionRequest.make_body`."""
    return Outgoing(PATH, replace_lone_surrogates(form.make_body()), headers)


def lay_out(form: CompletionRequest, entry: ModelEntry, *, markers: bool) -> tuple[str, str]:
    """Return the prompt and the suffix of `form`, cut to the model's context window.

    With `markers` the prompt holds the suffix and the snippets too, and the second text is "". The prompt ends with the
    token with which the answer has to begin (`form.first`), if there is one.
    """
    request, first_text = form.request, form.first.text if form.first is not None else ""
    window = max(64, entry.context_tokens - request.max_tokens - 8) * CHARACTERS_PER_TOKEN
    prefix, suffix = request.prefix, request.suffix[: int(window * SUFFIX_SHARE)]
    snippets = ""
    if markers:
        snippets = _choose_snippets(request.snippets, entry, int(window * SNIPPETS_SHARE))
        prefix, suffix = _remove_markers(prefix, entry), _remove_markers(suffix, entry)
    prefix = _keep_end(prefix, window - len(suffix) - len(snippets) - len(request.path))
    if markers:
        return _join_parts(request.path, snippets, prefix, suffix, entry) + first_text, ""
    return prefix + first_text, suffix


def write_request(form: CompletionRequest, entry: ModelEntry, without: Collection[str], *, markers: bool) -> Outgoing:
    """Return the request to a server that is not our host, without the fields in `without`.

    With `markers` the prompt has the model's markers; else the server lays out prompt and suffix.
    """
    prompt, suffix = lay_out(form, entry, markers=markers)
    body: dict[str, Any] = {
        "model": entry.name,
        "prompt": prompt,
        "max_tokens": form.request.max_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "logprobs": min(form.ranked, MOST_RANKED),
    }
    if suffix:
        body["suffix"] = suffix
    if markers:
        body["stop"] = [entry.fim.end]
    for name in without:
        body.pop(name, None)
    return Outgoing(PATH, replace_lone_surrogates(body))


def make_auth_headers(key: str) -> Mapping[str, str]:
    """Return the header that carries `key` as a bearer token; {} for ""."""
    return {"Authorization": f"Bearer {key}"} if key else {}


class Reader:
    """A reader of one answer, which passes messages in JSON to a function, because `Endpoint.exchange` passes on texts.

    The first message is `"begin"`; then `{"ranking": ...}` if likely first tokens arrive; then, for each token,
    `[the whole text so far, log-probability or null]`.

    Attributes:
        started: as in `models.remote.exchange.Reader`, like `ended` and `settled`.
        scores: the host's scores of the continuations in the request.
        decoded: token counts and the reason of the end.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self.started = False
        self.ended = False
        self.scores: list[Mapping[str, Any]] = []
        self.decoded = DecodingResult(0, 0, StopReason.END)
        self._text = ""
        self._report = report
        self._ranked = False  # whether the likely first tokens were reported, or can no longer come
        self.settled = False
        report(json.dumps("begin"))

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one event and report its tokens; `{}` is the end mark.

        Raises:
            ChatError: the event reports an error before the finish reason has arrived.
            ValueError: the text is longer than any answer to our requests.
        """
        if event.get("error") and not self.settled:
            raise explain_error_event(event)
        if not event:
            self.ended = True
            return
        self.started = self.started or any(event.get(name) for name in ("choices", "usage", EXTENSION))
        extension = read_object(event.get(EXTENSION))
        if ranking := extension.get("ranking"):
            self._report(json.dumps({"ranking": ranking}))
            self._ranked = True
        if "scores" in extension:
            self.scores, self.ended = extension["scores"], True
        for choice in read_list(event.get("choices")):
            if not isinstance(choice, dict) or read_number(choice.get("index"), 0):
                continue
            self._read_choice(choice, extension.get("at"))
            if reason := read_string(choice.get("finish_reason")):
                self.settled = True
                self.decoded = DecodingResult(0, 0, StopReason.LENGTH if reason == "length" else StopReason.END)
        if usage := read_object(event.get("usage")):
            cached = read_object(usage.get("prompt_tokens_details")).get("cached_tokens")
            self.decoded = DecodingResult(read_count(usage.get("prompt_tokens")), read_count(cached), self.decoded.end)

    def skip_junk(self, *, lossy: bool) -> bool:
        """Return whether the answer is usable: only after its finish reason; junk before may replace code."""
        del lossy
        return self.settled

    def close(self, *, broken: bool) -> None:
        """Set `ended` if the finish reason has arrived: some servers send no end mark."""
        del broken
        self.ended = self.ended or self.settled

    def _read_choice(self, choice: Mapping[str, Any], at: int | None) -> None:
        """Report the ranking in `choice`, and each of its tokens with the log-probability.

        Args:
            choice: part of an event.
            at: length of the text so far that stays, in characters; None for all of it.
        """
        new = read_text(choice.get("text"))
        tokens, log_probs, ranking = _read_log_probs(read_object(choice.get("logprobs")))
        if len(ranking) > 1 and not self._ranked:
            self._report(json.dumps({"ranking": ranking}))
        self._ranked = self._ranked or bool(tokens)
        if at is not None:
            self._report_token(self._text[:at] + new, log_probs[0] if log_probs else None)
        elif len(tokens) > 1 and "".join(tokens) == new:  # a server that sends several tokens at once
            for token, log_prob in zip(tokens, log_probs, strict=False):
                self._report_token(self._text + token, log_prob)
        elif new or log_probs:
            self._report_token(self._text + new, log_probs[0] if log_probs else None)

    def _report_token(self, text: str, log_prob: float | None) -> None:
        """Report the whole `text` so far, with the log-probability of its last token.

        Raises:
            ValueError: the text is longer than `LONGEST`.
        """
        if len(text) > LONGEST:
            raise ValueError("more than was asked for")
        self._text = text
        self._report(json.dumps([text, None if log_prob is None else _read_log_prob(log_prob)]))


class ObjectReader:
    """A reader of an answer that is one JSON object.

    Attributes:
        found: the object; {} until it has arrived.
    """

    def __init__(self) -> None:
        self.started = False
        self.ended = False
        self.settled = False
        self.found: Mapping[str, Any] = {}

    def feed(self, event: Mapping[str, Any]) -> None:
        """Store `event` as the whole answer."""
        self.started = self.ended = True
        self.found = event

    def skip_junk(self, *, lossy: bool) -> bool:
        """Return False: an answer with anything besides the object is not usable."""
        del lossy
        return False

    def close(self, *, broken: bool) -> None:
        """Do nothing: the object was the whole answer."""


def read_ranking(pairs: Sequence[Any]) -> list[RankedToken]:
    """Return the likely first tokens from the message of a `Reader`: with ids, or with texts and the id -1."""
    return [
        RankedToken(-1, _read_log_prob(log_prob), token)
        if isinstance(token, str)
        else RankedToken(int(token), _read_log_prob(log_prob))
        for token, log_prob in pairs
    ]


def _read_log_prob(value: float) -> float:
    """Return `value` as a log-probability, at most 0: for certain tokens, servers round to a little above 0.

    Raises:
        ValueError: it is NaN.
    """
    if math.isnan(log_prob := float(value)):
        raise ValueError("a probability that is no number")
    return min(log_prob, 0.0)


def _read_log_probs(fields: Mapping[str, Any]) -> tuple[list[str], list[float | None], list[tuple[str, float]]]:
    """Return tokens, their log-probabilities, and the likeliest first tokens with theirs, best first.

    Servers use one of OpenAI's two forms: parallel lists, or (llama.cpp) one list named `content`.
    """
    if content := fields.get("content"):
        ranked = [(str(one["token"]), _read_log_prob(one["logprob"])) for one in content[0].get("top_logprobs") or ()]
        tokens, log_probs = [str(one["token"]) for one in content], [one["logprob"] for one in content]
    else:
        tokens, log_probs = fields.get("tokens") or [], fields.get("token_logprobs") or []
        first = (fields.get("top_logprobs") or [None])[0]
        ranked = [(str(token), _read_log_prob(value)) for token, value in (first or {}).items()]
    return tokens, log_probs, sorted(ranked, key=lambda one: -one[1])


def _join_parts(path: str, snippets: str, prefix: str, suffix: str, entry: ModelEntry) -> str:
    """Return one prompt of all parts, in the order that the model was trained on."""
    fim = entry.fim
    if fim.file and path and fim.path_place != "none":
        title = f"{fim.file}{_remove_markers(path, entry)}\n"
        snippets, prefix = (snippets + title, prefix) if fim.path_place == "first" else (snippets, title + prefix)
    if fim.layouts[0] == "psm":
        return f"{snippets}{fim.prefix}{prefix}{fim.suffix}{suffix}{fim.middle}"
    if fim.layouts[0] == "suffix_first":
        return f"{snippets}{fim.suffix}{suffix}{fim.prefix}{prefix}{fim.middle}"
    return f"{snippets}{fim.prefix}{fim.suffix}{suffix}{fim.middle}{prefix}"


def _choose_snippets(snippets: Sequence[Snippet], entry: ModelEntry, most: int) -> str:
    """Return whole snippets of at most `most` characters together, each after the model's file marker.

    The best come first; the first that does not fit ends the choice. Return "" for a model without a file marker.
    """
    chosen: list[str] = []
    for snippet in snippets if entry.fim.file else ():
        text = (
            f"{entry.fim.file}{_remove_markers(snippet.path, entry)}\n{_remove_markers(snippet.text, entry).rstrip()}\n"
        )
        if len(text) > most:
            break
        most -= len(text)
        chosen.append(text)
    return "".join(chosen)


def _remove_markers(text: str, entry: ModelEntry) -> str:
    """Return `text` without the model's markers, which another server's tokenizer would read as such."""
    fim = entry.fim
    for marker in filter(None, (fim.prefix, fim.suffix, fim.middle, fim.end, fim.file, fim.repository)):
        text = text.replace(marker, "")
    return text


def _keep_end(text: str, most: int) -> str:
    """Return the last `most` characters of `text`, from the first line start in their first half if there is one."""
    if len(text) <= most:
        return text
    kept = text[len(text) - most :]
    line = kept.find("\n") + 1
    return kept[line:] if line < most // 2 else kept


def replace_lone_surrogates(body: dict[str, Any]) -> dict[str, Any]:
    """Return `body` with lone surrogates replaced by U+FFFD: UTF-8 cannot encode them."""
    repaired: dict[str, Any] = json.loads(LONE_SURROGATE.sub(REPLACEMENT, json.dumps(body, ensure_ascii=False)))
    return repaired
