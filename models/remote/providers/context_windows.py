"""How much a server on this machine reads of a request: local servers cut what is longer, without a word.

Ollama takes the window with the request; llama.cpp, LM Studio and vLLM say which one the model was loaded with. Short
requests are sent without a question. Start at `Windows.fit`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from models.chat import ChatError, Fault
from models.remote.lenient_json import count_of, rows_of, table_of
from starling_python import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import httpx2

    from models.chat import ChatRequest
    from models.remote.endpoint import Endpoint
    from models.remote.http import HttpClient

# UTF-8's bytes that a token has at least, on average over code: an estimate from above, for servers that count nothing.
TOKEN_BYTES = 3
MESSAGE_TOKENS = 8  # of the markers around each message
# The smallest window that a server has by default is 2,048 tokens (https://docs.ollama.com/context-length names 4,096).
ALWAYS_FITS = 2048
SHORTEST_ANSWER = 256
STEP = 4096  # a window that grows makes Ollama load the model again, so it grows in steps and never shrinks
LOOK_S = 5.0
STALE_S = 60.0  # a person may load the model anew
LARGEST = 4_000_000  # bytes of what a server says


@dataclass(frozen=True, slots=True)
class Window:
    """What a server says of a model.

    Attributes:
        tokens: most tokens of request and answer together; 0 where it does not say.
        counts: path that counts the tokens of a text, "" where there is none.
        advice: what a person can do for a larger window.
    """

    tokens: int = 0
    counts: str = ""
    advice: str = "load the model there with a larger window"


class _Asking(Protocol):
    """Asks the server; an empty answer is one that is none."""

    def __call__(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, limit_s: float = LOOK_S
    ) -> Awaitable[Mapping[str, Any]]: ...


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text from above."""
    return len(text.encode("utf-8", "surrogatepass")) // TOKEN_BYTES + 1


class Windows:
    """The window of one model at one local endpoint. Thread-safe.

    Args:
        name: the model's name there.
        endpoint: where it is.
        client: asks it.
        authorize: from the key to the headers that carry it.
        takes_window: whether each request says how large a window it needs (Ollama's own chat).
        most: tokens that a person allows.
    """

    def __init__(  # noqa: PLR0913 - what it asks, and how
        self,
        name: str,
        endpoint: Endpoint,
        client: HttpClient,
        authorize: Callable[[str], Mapping[str, str]],
        *,
        takes_window: bool,
        most: int,
    ) -> None:
        self._name = name
        self._endpoint = endpoint
        self._client = client
        self._authorize = authorize
        self._takes_window = takes_window
        self._most = most
        self._lock = threading.Lock()
        self._known: Window | None = None
        self._asked_at = 0.0
        self._asked_for = 0

    @property
    def tokens(self) -> int:
        """The window as far as it is known."""
        known = self._known
        return min(self._most, known.tokens) if known is not None and known.tokens else self._most

    def fit(self, request: ChatRequest, cancelled: Callable[[], bool]) -> tuple[ChatRequest, int]:
        """Return `request`, its answer no longer than there is room for, and the window to ask for (0 for none).

        Raises:
            ChatError: it does not fit.
            GivenUpError: `cancelled` said so.
        """
        if not self._endpoint.local:
            return request, 0  # servers on the network refuse what is too long
        texts = _texts(request)
        framing = MESSAGE_TOKENS * len(texts)
        tokens = sum(map(estimated_tokens, texts)) + framing
        if tokens + request.max_tokens <= ALWAYS_FITS:
            return request, self._window(0)
        window = self._look(cancelled)
        most = min(self._most, window.tokens or self._most)
        if tokens + request.max_tokens > most and window.counts:
            tokens = (self._count(window.counts, "\n".join(texts), cancelled) or tokens) + framing
        if tokens + min(request.max_tokens, SHORTEST_ANSWER) > most:
            raise ChatError(
                f"The request has about {tokens} tokens, but {self._name} at {self._endpoint.url} takes only {most}, "
                f"its answer included; select less code, or {self._advice(window)}.",
                Fault.TOO_LONG,
            )
        request = replace(request, max_tokens=min(request.max_tokens, most - tokens))
        return request, self._window(min(most, -(-(tokens + request.max_tokens) // STEP) * STEP))

    def _advice(self, window: Window) -> str:
        allowed = not window.tokens or window.tokens > self._most
        return "raise chat.contextTokens" if allowed else window.advice

    def _window(self, needed: int) -> int:
        if not self._takes_window:
            return 0
        with self._lock:
            self._asked_for = max(self._asked_for, needed, min(STEP, self._most))
            return self._asked_for

    def _look(self, cancelled: Callable[[], bool]) -> Window:
        with self._lock:
            known, fresh = self._known, time.monotonic() - self._asked_at < STALE_S
        if known is None or not fresh:
            known = self._call(self._find_window, cancelled) or Window()
            with self._lock:
                self._known, self._asked_at = known, time.monotonic()
        return known

    async def _find_window(self, ask: _Asking) -> Window:
        """Ask what each kind of server answers; the first that knows the model counts."""
        if self._takes_window:
            return Window(
                _trained_tokens(await ask("POST", "/api/show", {"model": self._name})), advice="choose another model"
            )
        told = await ask("GET", "/props")
        if tokens := count_of(table_of(told.get("default_generation_settings")).get("n_ctx")):
            return Window(tokens, "/tokenize", "start llama-server with a larger --ctx-size")
        listed = rows_of((await ask("GET", "/v1/models")).get("data"))
        model = next((one for one in map(table_of, listed) if one.get("id") == self._name), {})
        if tokens := count_of(model.get("max_model_len")):
            return Window(tokens, "/tokenize", "start the server with a larger --max-model-len")
        if model.get("owned_by") == "library":
            return await self._loaded_by_ollama(ask)
        listed = rows_of((await ask("GET", "/api/v0/models")).get("data"))
        model = next((one for one in map(table_of, listed) if one.get("id") == self._name), {})
        return Window(count_of(model.get("loaded_context_length")))

    async def _loaded_by_ollama(self, ask: _Asking) -> Window:
        """Return the window with which Ollama loads the model: behind OpenAI's paths it takes none from a request."""
        await ask(
            "POST", "/api/generate", {"model": self._name, "stream": False}, self._endpoint.patience.first_token_s
        )
        running = map(table_of, rows_of((await ask("GET", "/api/ps")).get("models")))
        tokens = next((count_of(one.get("context_length")) for one in running if one.get("name") == self._name), 0)
        return Window(tokens, advice='set chat.api to "ollama", which asks for the window that it needs')

    def _count(self, path: str, text: str, cancelled: Callable[[], bool]) -> int:
        """Count the tokens of `text` by the model's own tokenizer; 0 where the server does not say.

        llama.cpp takes the text as `content` and lists the tokens, vLLM takes a `prompt` and counts them.
        """

        async def counted(ask: _Asking) -> int:
            told = await ask("POST", path, {"model": self._name, "content": text, "prompt": text})
            return count_of(told.get("count")) or len(rows_of(told.get("tokens")))

        return self._call(counted, cancelled) or 0

    def _call(self, work: Callable[[_Asking], Any], cancelled: Callable[[], bool]) -> Any:  # noqa: ANN401
        """Run `work` with what asks the server; return None where the server cannot be reached."""
        with uninterrupted():
            import httpx2  # noqa: PLC0415 (for a person with an endpoint alone)

        url = self._endpoint.url.removesuffix("/v1")
        headers = self._endpoint.authorized(self._authorize)

        async def run(asking: httpx2.AsyncClient, _: object) -> Any:  # noqa: ANN401
            async def ask(
                method: str, path: str, body: Mapping[str, Any] | None = None, limit_s: float = LOOK_S
            ) -> Mapping[str, Any]:
                try:
                    async with (
                        asyncio.timeout(limit_s),
                        asking.stream(method, url + path, json=body, headers=headers) as response,
                    ):
                        return await _table(response)
                except (httpx2.HTTPError, TimeoutError, ValueError, RecursionError):
                    return {}

            return await work(ask)

        try:
            return self._client.call(url, run, cancelled=cancelled)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
            return None


async def _table(response: httpx2.Response) -> Mapping[str, Any]:
    """Read a JSON object of bounded size; empty for anything else.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    if response.status_code != 200 or "," in response.headers.get("content-encoding", ""):
        return {}
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > LARGEST:
            return {}
    return table_of(json.loads(body))


def _trained_tokens(told: Mapping[str, Any]) -> int:
    """Return the longest window the model was trained for, by Ollama's `/api/show`; 0 where it does not say."""
    figures = table_of(told.get("model_info"))
    return next((count_of(value) for name, value in figures.items() if name.endswith(".context_length")), 0)


def _texts(request: ChatRequest) -> list[str]:
    """Return all that is sent, as text."""
    texts = [message.text for message in request.messages]
    texts += [json.dumps(dict(call.arguments)) for message in request.messages for call in message.calls]
    texts += [f"{tool.name} {tool.description} {json.dumps(tool.parameters)}" for tool in request.tools]
    return texts
