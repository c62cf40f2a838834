"""Ollama's own completions, in JSON lines; https://docs.ollama.com/api/generate.

Unlike Ollama's `/v1/completions` it returns probabilities, without which no suggestion may be shown unasked, and takes
a context window: its default window cuts prompts without an error. Start at `write_request`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.remote.completion import openai_completions
from models.remote.exchange import Outgoing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from models.catalog.catalog import ModelEntry
    from models.host.protocol import CompletionRequest

PATH = "/api/generate"


def write_request(form: CompletionRequest, entry: ModelEntry, without: Collection[str], *, markers: bool) -> Outgoing:
    """Return the request to Ollama; without `logprobs` if it is in `without`.

    With `markers` the prompt has the model's markers and is sent raw; else Ollama lays out prompt and suffix.
    """
    prompt, suffix = openai_completions.lay_out(form, entry, markers=markers)
    options: dict[str, Any] = {
        "temperature": 0,
        "num_predict": form.request.max_tokens,
        "num_ctx": entry.context_tokens,
    }
    body: dict[str, Any] = {"model": entry.name, "prompt": prompt, "stream": True, "options": options}
    if markers:
        body["raw"] = True
        options["stop"] = [entry.fim.end]
    elif suffix:
        body["suffix"] = suffix
    if "logprobs" not in without:
        body |= {"logprobs": True, "top_logprobs": min(form.ranked, openai_completions.MOST_RANKED)}
    return Outgoing(PATH, openai_completions.replace_lone_surrogates(body))


class Reader(openai_completions.Reader):
    """A reader of JSON lines, up to the line that is `done`; see `openai_completions.Reader`."""

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one line; `{}` is an end mark.

        Raises:
            ChatError: the line reports an error before the finish reason has arrived.
        """
        if event.get("error") or not event:
            super().feed(event)
            return
        done = event.get("done") is True
        reason = ("length" if event.get("done_reason") == "length" else "stop") if done else None
        log_probs = {"content": event.get("logprobs") or []}
        choice = {"text": event.get("response") or "", "logprobs": log_probs, "finish_reason": reason}
        usage = {"prompt_tokens": event.get("prompt_eval_count")} if done else None
        super().feed({"choices": [choice], "usage": usage})
        if done:
            self.ended = True
