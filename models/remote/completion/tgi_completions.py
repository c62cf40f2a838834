"""The own completions of TGI (text-generation-inference), in server-sent events.

https://huggingface.co/docs/text-generation-inference/reference/api_reference. Unlike its `/v1/completions` they return
probabilities, without which no suggestion may be shown unasked. There is no suffix: the prompt has the model's markers.
Start at `write_request`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.remote.completion import openai_completions
from models.remote.exchange import Outgoing
from models.remote.lenient_json import read_list, read_object, read_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from models.catalog.catalog import ModelEntry
    from models.host.protocol import CompletionRequest

PATH = "/generate_stream"


def write_request(form: CompletionRequest, entry: ModelEntry, without: Collection[str]) -> Outgoing:
    """Return the request to TGI; without the likeliest tokens if `top_n_tokens` is in `without`."""
    prompt, _ = openai_completions.lay_out(form, entry, markers=True)
    parameters: dict[str, Any] = {
        "max_new_tokens": form.request.max_tokens,
        "do_sample": False,
        "details": True,
        "return_full_text": False,
        "stop": [entry.fim.end],
        "top_n_tokens": min(form.ranked, openai_completions.MOST_RANKED),
    }
    for name in without:
        parameters.pop(name, None)
    return Outgoing(PATH, openai_completions.replace_lone_surrogates({"inputs": prompt, "parameters": parameters}))


class Reader(openai_completions.Reader):
    """A reader of one event for each token, up to the one with `details`; see `openai_completions.Reader`."""

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one event; `{}` is an end mark, which TGI does not send.

        Raises:
            ChatError: the event reports an error before the finish reason has arrived.
        """
        if event.get("error") or not event:
            super().feed(event)
            return
        token, details = read_object(event.get("token")), read_object(event.get("details"))
        likely = [_convert_token(one) for one in map(read_object, read_list(event.get("top_tokens"))) if one]
        content = (
            [] if not token or token.get("special") is True else [{**_convert_token(token), "top_logprobs": likely}]
        )
        reason = details.get("finish_reason")
        choice = {
            "text": content[0]["token"] if content else "",
            "logprobs": {"content": content},
            "finish_reason": ("length" if reason == "length" else "stop") if reason else None,
        }
        super().feed({"choices": [choice], "usage": {"prompt_tokens": details.get("input_length")} if reason else None})
        if reason:
            self.ended = True


def _convert_token(token: Mapping[str, Any]) -> dict[str, Any]:
    """Return text and log-probability of `token` under the names that OpenAI uses."""
    return {"token": read_text(token.get("text")), "logprob": token.get("logprob")}
