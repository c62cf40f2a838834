"""The context window of a model at a local server, and requests cut to fit it: such servers cut longer ones silently.

Requests to Ollama state the window; llama.cpp, LM Studio and vLLM report the window with which the model was loaded.
For short requests the window is not looked up. Start at `ContextWindow.fit`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from models.chat import ChatError, Fault
from models.remote.lenient_json import read_count, read_list, read_object
from starling_python import pause_garbage_collection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import httpx2

    from models.chat import ChatRequest
    from models.remote.endpoint import Endpoint
    from models.remote.endpoint_group import EndpointGroup
    from models.remote.http import HttpClient

# Lower bound of the average UTF-8 bytes of a token of code; gives an upper estimate if no server counts the tokens.
TOKEN_BYTES = 3
MESSAGE_TOKENS = 8  # upper bound of the markers around each message
# The smallest window that a server has by default is 2,048 tokens (https://docs.ollama.com/context-length names 4,096).
ALWAYS_FITS = 2048
SHORTEST_ANSWER = 256
STEP = 4096  # tokens; Ollama loads the model again for a larger window, so it grows in steps and never shrinks
TIMEOUT_S = 5.0
STALE_S = 60.0  # then the window is looked up again: a person may have loaded the model with another one
LARGEST = 4_000_000  # bytes of an answer


@dataclass(frozen=True, slots=True)
class ReportedWindow:
    """A server's report about a model.

    Attributes:
        tokens: most tokens of request and answer together; 0 if the server does not report it.
        counts: URL path of the server's token counter; "" if there is none.
        advice: how a person can get a larger window, as the end of a sentence.
    """

    tokens: int = 0
    counts: str = ""
    advice: str = "load the model there with a larger window"


class _Ask(Protocol):
    """Function that asks the server; it returns {} if the server does not answer with a JSON object."""

    def __call__(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, limit_s: float = TIMEOUT_S
    ) -> Awaitable[Mapping[str, Any]]: ...


def estimate_tokens(text: str) -> int:
    """Return an upper estimate of the number of tokens in `text`: a third of its UTF-8 bytes."""
    return len(text.encode("utf-8", "surrogatepass")) // TOKEN_BYTES + 1


class ContextWindow:
    """The context window of one model at one endpoint. Thread-safe.

    Args:
        name: the model's name there.
        endpoint: the endpoint.
        client: sends the questions about the window.
        make_auth_headers: returns the headers that carry the key.
        takes_window: whether each request states the window that it needs (Ollama's own chat).
        most: largest window that a person's settings allow, in tokens.
    """

    def __init__(  # noqa: PLR0913 - model, endpoint, and how to ask it
        self,
        name: str,
        endpoint: Endpoint | EndpointGroup,
        client: HttpClient,
        make_auth_headers: Callable[[str], Mapping[str, str]],
        *,
        takes_window: bool,
        most: int,
    ) -> None:
        self._name = name
        self._endpoint = endpoint
        self._client = client
        self._make_auth_headers = make_auth_headers
        self._takes_window = takes_window
        self._most = most
        self._lock = threading.Lock()
        self._known: ReportedWindow | None = None
        self._asked_at = 0.0
        self._requested = 0  # tokens, the largest window so far

    @property
    def tokens(self) -> int:
        """Window in tokens: that of the settings, until the server has reported a smaller one."""
        known = self._known
        return min(self._most, known.tokens) if known is not None and known.tokens else self._most

    def fit(self, request: ChatRequest, cancelled: Callable[[], bool]) -> tuple[ChatRequest, int]:
        """Return `request` with its answer's budget cut to the window, and the window to state in it (0 for none).

        Only a server on this machine is asked for its window, which may make Ollama load the model; a short request
        always fits, and a request to another machine is returned unchanged.

        Raises:
            ChatError: the request does not fit.
            GivenUpError: `cancelled` returned true.
        """
        if not self._endpoint.local:
            return request, 0  # servers on the network refuse a request that is too long
        texts = _list_texts(request)
        framing = MESSAGE_TOKENS * len(texts)
        tokens = sum(map(estimate_tokens, texts)) + framing
        if tokens + request.max_tokens <= ALWAYS_FITS:
            return request, self._choose_window(0)
        window = self._look_up(cancelled)
        most = min(self._most, window.tokens or self._most)
        if tokens + request.max_tokens > most and window.counts:
            tokens = (self._count_on_server(window.counts, "\n".join(texts), cancelled) or tokens) + framing
        if tokens + min(request.max_tokens, SHORTEST_ANSWER) > most:
            raise ChatError(
                f"The request has about {tokens} tokens, but {self._name} at {self._endpoint.url} takes only {most}, "
                f"its answer included; select less code, or {self._advise(window)}.",
                Fault.TOO_LONG,
            )
        request = replace(request, max_tokens=min(request.max_tokens, most - tokens))
        return request, self._choose_window(min(most, -(-(tokens + request.max_tokens) // STEP) * STEP))

    def _advise(self, window: ReportedWindow) -> str:
        """Return how to get a larger window, as the end of a sentence."""
        allowed = not window.tokens or window.tokens > self._most
        return "raise chat.contextTokens" if allowed else window.advice

    def _choose_window(self, needed: int) -> int:
        """Return the window to state in a request: `needed`, but at least `STEP` and the one before; 0 for none."""
        if not self._takes_window:
            return 0
        with self._lock:
            self._requested = max(self._requested, needed, min(STEP, self._most))
            return self._requested

    def _look_up(self, cancelled: Callable[[], bool]) -> ReportedWindow:
        """Return the server's report about the window: the stored one for `STALE_S` seconds, then a new one."""
        with self._lock:
            known, fresh = self._known, time.monotonic() - self._asked_at < STALE_S
        if known is None or not fresh:
            known = self._call(self._find_window, cancelled) or ReportedWindow()
            with self._lock:
                self._known, self._asked_at = known, time.monotonic()
        return known

    async def _find_window(self, ask: _Ask) -> ReportedWindow:
        """Ask the server for the window, in the way of one kind of server after the other, until it reports one.

        If it reports none, the result has 0 tokens.
        """
        if self._takes_window:
            return ReportedWindow(
                _find_trained_tokens(await ask("POST", "/api/show", {"model": self._name})),
                advice="choose another model",
            )
        properties = await ask("GET", "/props")
        if tokens := read_count(read_object(properties.get("default_generation_settings")).get("n_ctx")):
            return ReportedWindow(tokens, "/tokenize", "start llama-server with a larger --ctx-size")
        listed = read_list((await ask("GET", "/v1/models")).get("data"))
        model = next((one for one in map(read_object, listed) if one.get("id") == self._name), {})
        if tokens := read_count(model.get("max_model_len")):
            return ReportedWindow(tokens, "/tokenize", "start the server with a larger --max-model-len")
        if model.get("owned_by") == "library":
            return await self._ask_ollama(ask)
        listed = read_list((await ask("GET", "/api/v0/models")).get("data"))
        model = next((one for one in map(read_object, listed) if one.get("id") == self._name), {})
        return ReportedWindow(read_count(model.get("loaded_context_length")))

    async def _ask_ollama(self, ask: _Ask) -> ReportedWindow:
        """Make Ollama load the model, and return the window with which it did.

        Requests in OpenAI's dialect cannot state a window.
        """
        await ask(
            "POST", "/api/generate", {"model": self._name, "stream": False}, self._endpoint.patience.first_token_s
        )
        running = map(read_object, read_list((await ask("GET", "/api/ps")).get("models")))
        tokens = next((read_count(one.get("context_length")) for one in running if one.get("name") == self._name), 0)
        return ReportedWindow(tokens, advice='set chat.api to "ollama", which asks for the window that it needs')

    def _count_on_server(self, path: str, text: str, cancelled: Callable[[], bool]) -> int:
        """Return the number of tokens in `text` by the server's own count; 0 if the server does not answer.

        llama.cpp takes the text as `content` and lists the tokens, vLLM takes a `prompt` and counts them.
        """

        async def count(ask: _Ask) -> int:
            answer = await ask("POST", path, {"model": self._name, "content": text, "prompt": text})
            return read_count(answer.get("count")) or len(read_list(answer.get("tokens")))

        return self._call(count, cancelled) or 0

    def _call(self, work: Callable[[_Ask], Any], cancelled: Callable[[], bool]) -> Any:  # noqa: ANN401
        """Return the result of `work`, called with a function that asks the server; None if it cannot be reached."""
        with pause_garbage_collection():
            import httpx2  # noqa: PLC0415 (for a person with an endpoint alone)

        url = self._endpoint.answering_url.removesuffix("/v1")
        headers = self._endpoint.make_auth_headers(self._make_auth_headers)

        async def run(http: httpx2.AsyncClient, _: object) -> Any:  # noqa: ANN401
            async def ask(
                method: str, path: str, body: Mapping[str, Any] | None = None, limit_s: float = TIMEOUT_S
            ) -> Mapping[str, Any]:
                try:
                    async with (
                        asyncio.timeout(limit_s),
                        http.stream(method, url + path, json=body, headers=headers) as response,
                    ):
                        return await _read_json_object(response)
                except (httpx2.HTTPError, TimeoutError, ValueError, RecursionError):
                    return {}

            return await work(ask)

        try:
            return self._client.call(url, run, cancelled=cancelled)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
            return None


async def _read_json_object(response: httpx2.Response) -> Mapping[str, Any]:
    """Return the JSON object in the body of `response`; {} for another status, JSON of another type or a large body.

    Raises:
        ValueError, RecursionError: the body is not JSON.
    """
    if response.status_code != 200 or "," in response.headers.get("content-encoding", ""):
        return {}
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > LARGEST:
            return {}
    return read_object(json.loads(body))


def _find_trained_tokens(shown: Mapping[str, Any]) -> int:
    """Return the window for which the model was trained, from the answer of Ollama's `/api/show`; 0 if not stated."""
    figures = read_object(shown.get("model_info"))
    return next((read_count(value) for name, value in figures.items() if name.endswith(".context_length")), 0)


def _list_texts(request: ChatRequest) -> list[str]:
    """Return all texts of `request`: of messages, tool calls and tools."""
    texts = [message.text for message in request.messages]
    texts += [json.dumps(dict(call.arguments)) for message in request.messages for call in message.calls]
    texts += [f"{tool.name} {tool.description} {json.dumps(tool.parameters)}" for tool in request.tools]
    return texts
