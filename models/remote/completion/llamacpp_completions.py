"""llama.cpp's own `/infill`, in server-sent events: the server lays out prefix and suffix with the model's markers.

https://github.com/ggml-org/llama.cpp/tree/master/tools/server. Its `/v1/completions` ignores a suffix without an error.
Start at `write_request`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.remote.completion import openai_completions
from models.remote.exchange import Outgoing
from models.remote.lenient_json import read_list, read_object

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from models.catalog.catalog import ModelEntry
    from models.host.protocol import CompletionRequest

PATH = "/infill"


def write_request(form: CompletionRequest, entry: ModelEntry, without: Collection[str], *, markers: bool) -> Outgoing:
    """Return the request to llama.cpp; without probabilities if `logprobs` is in `without`.

    With `markers` it is one for `/v1/completions`, whose prompt has the model's markers.
    """
    if markers:
        made = openai_completions.write_request(form, entry, without, markers=True)
        return Outgoing(f"/v1{made.path}", made.body)
    prefix, suffix = openai_completions.lay_out(form, entry, markers=False)
    room = int(entry.context_tokens * openai_completions.CHARACTERS_PER_TOKEN * openai_completions.SNIPPETS_SHARE)
    extra = []
    for snippet in form.request.snippets:
        room -= len(snippet.path) + len(snippet.text)
        if room < 0:
            break
        extra.append({"filename": snippet.path, "text": snippet.text})
    body: dict[str, Any] = {
        "input_prefix": prefix,  # the server cuts prefix, suffix and extra texts to its batch and window
        "input_suffix": suffix,
        "input_extra": extra,
        "n_predict": form.request.max_tokens,
        "temperature": 0,
        "stream": True,
    }
    if "logprobs" not in without:
        body["n_probs"] = min(form.ranked, openai_completions.MOST_RANKED)
    return Outgoing(PATH, openai_completions.replace_lone_surrogates(body))


class Reader(openai_completions.Reader):
    """A reader of events up to the one that is the `stop`, or of OpenAI's; see `openai_completions.Reader`."""

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one event; `{}` is an end mark, which `/infill` does not send.

        Raises:
            ChatError: the event reports an error before the finish reason has arrived.
        """
        if event.get("error") or not event or "content" not in event:
            super().feed(event)
            return
        stopped = event.get("stop") is True
        cut = event.get("stop_type") == "limit" or event.get("truncated") is True
        ranked = [one for one in map(read_object, read_list(event.get("completion_probabilities"))) if "logprob" in one]
        choice = {
            "text": event.get("content") or "",
            "logprobs": {"content": ranked},
            "finish_reason": ("length" if cut else "stop") if stopped else None,
        }
        cached = {"cached_tokens": read_object(event.get("timings")).get("cache_n")}
        usage = {"prompt_tokens": event.get("tokens_evaluated"), "prompt_tokens_details": cached} if stopped else None
        super().feed({"choices": [choice], "usage": usage})
        if stopped:
            self.ended = True
