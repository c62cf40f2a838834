"""HTTP application of the host: OpenAI's routes, `/health` and `/metrics`, for clients with the socket or token.

| path | purpose |
| --- | --- |
| `POST /v1/completions` | complete code (`completions`), or score continuations (`protocol`) |
| `POST /v1/chat/completions` | answer a conversation (`chat_completions`) |
| `POST /v1/embeddings` | embed texts as vectors |
| `POST /v1/starling/load` | load a completion model and report how it computes |
| `GET /v1/models` | list the catalog |
| `GET /health`, `GET /metrics` | report state and counters |
| `GET /starling/proof` | prove to a client that the host knows the token |

A client of another protocol or program version gets an error that says so. Start at `create_app`.
"""

from __future__ import annotations

import hmac
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from models.errors import ModelError
from models.host import protocol
from models.host.chat_completions import ChatCompletion, ChatCompletionRequest
from models.host.completions import Completion
from models.host.computation import Computation
from models.host.fair_queue import BusyError
from models.host.loaded_models import UnknownModelError
from models.host.metrics import CONTENT_TYPE, Metrics
from models.host.protocol import CompletionRequest, InvalidRequestError
from models.host.responses import (
    ClientGoneError,
    EventStream,
    HttpRequestError,
    make_error_response,
    read_object,
    run_until_gone,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from concurrent.futures import Executor

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from models.host.loaded_models import Kind, LoadedModel, LoadedModels

BUSY = "The model host has as many requests as it can take; try again in a moment."
REFUSALS: tuple[tuple[type[Exception], int, str], ...] = (
    (InvalidRequestError, 400, "invalid_request"),
    (UnknownModelError, 404, "model_not_found"),
    (ModelError, 422, "model_unusable"),
)
# Attributes of a loaded model that are reported to a client.
TRAITS = ("device", "compute_type", "threads", "problems")
MEASURING = "measuring_s"  # reported only to the client whose request loaded the weights


@dataclass(slots=True)
class Host:
    """The handlers of all routes and the state that they share.

    Attributes:
        loaded_models: the models in memory.
        executor: runs blocking calls.
        version: handshake of version, protocol and configuration, which a client must share.
        token: required of clients; "" for none, behind a socket that only its owner can open.
        metrics: counters.
        requested_at: when the last request began or ended, by `time.monotonic`.
        running: number of running requests.
    """

    loaded_models: LoadedModels
    executor: Executor
    version: str
    token: str = ""
    metrics: Metrics = field(default_factory=Metrics)
    requested_at: float = field(default_factory=time.monotonic)
    running: int = 0

    async def handle_completions(self, request: Request) -> Response:
        """Answer `POST /v1/completions`: load the model if needed, and complete or score."""
        form = CompletionRequest.read(await read_object(request))
        lane = "/score" if form.score else ""  # so that a review's request for scores never supersedes a keystroke's
        loaded = await self._get_model(request, form.model, "completion", form.placing)
        completion = Completion(form, loaded.model, self._make_computation(request, loaded, lane), self.metrics)
        if form.score:
            return JSONResponse(await run_until_gone(request.receive, completion.compute_scores()))
        if form.stream:
            return EventStream(completion.stream_events(), self.make_refusal, self._count_cancelled)
        return JSONResponse(await run_until_gone(request.receive, completion.answer_whole()))

    async def handle_chat(self, request: Request) -> Response:
        """Answer `POST /v1/chat/completions`; load the model if needed."""
        body = await read_object(request)
        conversation = ChatCompletionRequest.read(body)
        loaded = await self._get_model(request, conversation.model, "chat", protocol.PlacementSettings())
        computation = self._make_computation(request, loaded, "")
        completion = ChatCompletion(conversation, loaded.model, computation, self.metrics)
        if conversation.stream:
            return EventStream(completion.stream_events(), self.make_refusal, self._count_cancelled)
        return JSONResponse(await run_until_gone(request.receive, completion.answer_whole()))

    async def handle_embeddings(self, request: Request) -> Response:
        """Answer `POST /v1/embeddings`; load the model if needed."""
        body = await read_object(request)
        given = body.get("input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise InvalidRequestError("input is a text, or a list of texts.")
        loaded = await self._get_model(
            request, protocol.read_required_text(body, "model"), "embedding", protocol.PlacementSettings()
        )
        computation = self._make_computation(request, loaded, "")
        vectors = await run_until_gone(request.receive, computation.run(lambda: loaded.model.embed(texts)))
        data = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(vectors.vectors)]
        usage = {"prompt_tokens": vectors.tokens, "total_tokens": vectors.tokens}
        return JSONResponse({"object": "list", "model": loaded.entry.name, "data": data, "usage": usage})

    async def handle_load(self, request: Request) -> Response:
        """Answer `POST /v1/starling/load`: load a completion model and report its device, threads and problems."""
        body = await read_object(request)
        placing = protocol.read_placement(body.get("placement") or {})
        before = tuple(self.loaded_models)
        loaded = await self._get_model(request, protocol.read_required_text(body, "model"), "completion", placing)
        loaded_now = not any(loaded is one for one in before)
        names = (*TRAITS, MEASURING) if loaded_now else TRAITS
        traits = {name: getattr(loaded.model, name) for name in names if hasattr(loaded.model, name)}
        return JSONResponse({"model": loaded.entry.name, **traits})

    async def list_models(self, _: Request) -> Response:
        """Answer `GET /v1/models` with the models of the catalog, and whether each is loaded."""
        entries = await run_in_threadpool(self.loaded_models.list_entries)
        loaded = {one.entry.name for one in self.loaded_models}
        data = [
            {
                "id": entry.name,
                "object": "model",
                "owned_by": "starling",
                "max_model_len": entry.context_tokens,
                "roles": list(entry.roles),
                "loaded": entry.name in loaded,
            }
            for entry in entries
        ]
        return JSONResponse({"object": "list", "data": data})

    async def report_health(self, _: Request) -> Response:
        """Answer `GET /health` with version, process, limits and loaded models."""
        models = [
            {"name": one.entry.name, "kind": one.kind, "bytes": one.size_bytes, "waiting": one.turns.waiting}
            for one in self.loaded_models
        ]
        limits = self.loaded_models.limits
        return JSONResponse(
            {
                "status": "ok",
                "version": self.version,
                "process": os.getpid(),
                "memory_budget_bytes": limits.memory_bytes,
                "idle_s": limits.idle_s,
                "models": models,
            }
        )

    async def prove_identity(self, request: Request) -> Response:
        """Answer `GET /starling/proof`: prove that this host knows the token, before a client sends it."""
        nonce = request.headers.get(protocol.NONCE_HEADER, "")[:100]
        return JSONResponse({"proof": protocol.compute_proof(self.token, nonce) if self.token else ""})

    async def report_metrics(self, _: Request) -> Response:
        """Answer `GET /metrics` with all counters in Prometheus' text format."""
        gauges = {
            ("memory_budget_bytes", ""): float(self.loaded_models.limits.memory_bytes),
            ("resident_bytes", ""): float(psutil.Process().memory_info().rss),
            ("running", ""): float(self.running),
        }
        for one in self.loaded_models:
            gauges["waiting", one.entry.name] = float(one.turns.waiting)
            gauges["model_bytes", one.entry.name] = float(one.size_bytes)
        return PlainTextResponse(self.metrics.render(gauges), media_type=CONTENT_TYPE)

    def make_refusal(self, error: Exception) -> Response | None:
        """Return the error response for `error`; None for an unexpected error.

        A full queue and a disconnected client are counted in the metrics.
        """
        if isinstance(error, BusyError):
            self.metrics.add("busy_total")
            return make_error_response(BUSY, 503, "busy")
        if isinstance(error, ClientGoneError):
            self._count_cancelled()
            return Response(status_code=499)  # nobody reads it
        if isinstance(error, HttpRequestError):
            return make_error_response(str(error), error.status, error.kind)
        for kind, status, word in REFUSALS:
            if isinstance(error, kind):
                return make_error_response(str(error), status, word)
        return None

    def _count_cancelled(self) -> None:
        """Count a request whose client disconnected before its end."""
        self.metrics.add("cancelled_total")

    async def _get_model(
        self, request: Request, name: str, kind: Kind, placing: protocol.PlacementSettings
    ) -> LoadedModel:
        """Return the model `name` once it is loaded.

        Raises:
            ClientGoneError: the client of `request` disconnected while the model was loading.
            ModelError: it cannot be loaded.
        """
        return await run_until_gone(request.receive, self.loaded_models.get(name, kind, placing))

    def _make_computation(self, request: Request, loaded: LoadedModel, lane: str) -> Computation:
        """Return a computation of `request` on `loaded`, queued for the request's client.

        Args:
            request: names the client in a header.
            loaded: the model.
            lane: suffix of the client's name; requests in different lanes do not supersede each other.
        """
        client = request.headers.get(protocol.CLIENT_HEADER) or f"anonymous {id(request)}"
        return Computation(loaded, client[:100] + lane, self.executor, self.metrics)


def create_app(host: Host) -> ASGIApp:
    """Return the ASGI application of `host`."""
    routes = (
        Route("/v1/completions", _handle_errors(host, host.handle_completions), methods=["POST"]),
        Route("/v1/chat/completions", _handle_errors(host, host.handle_chat), methods=["POST"]),
        Route("/v1/embeddings", _handle_errors(host, host.handle_embeddings), methods=["POST"]),
        Route("/v1/starling/load", _handle_errors(host, host.handle_load), methods=["POST"]),
        Route("/v1/models", host.list_models),
        Route("/health", host.report_health),
        Route(protocol.PROOF_PATH, host.prove_identity),
        Route("/metrics", host.report_metrics),
    )
    return _AccessControl(Starlette(routes=routes), host)


def _handle_errors(
    host: Host, handle: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return a handler that calls `handle` and turns its expected errors into error responses."""

    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except Exception as error:
            response = host.make_refusal(error)
            if response is None:
                raise
            return response

    return answer


class _AccessControl:
    """The outermost layer of the application: checks token and version of each request, and counts requests."""

    def __init__(self, inner: ASGIApp, host: Host) -> None:
        self._inner = inner
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the application, or refuse it; ignore other protocols than HTTP."""
        if scope["type"] != "http":
            return
        host = self._host

        async def send_with_version(message: Message) -> None:
            """Send `message`; add the version's header to the start of a response, and count the response."""
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (protocol.HEADER.encode(), host.version.encode())]
                host.metrics.add("requests_total", path=scope["path"][:40], status=str(message["status"]))
            await send(message)

        counts = scope["method"] == "POST"  # other requests only read state, and do not keep the host alive
        host.running += counts
        try:
            await (self._refuse(scope) or self._inner)(scope, receive, send_with_version)
        finally:
            host.running -= counts
            if counts:
                host.requested_at = time.monotonic()

    def _refuse(self, scope: Scope) -> Response | None:
        """Return the error response for a request with a wrong or missing token, or a wrong version; None to accept it.

        No token is needed for `PROOF_PATH`, and by a host without one. A request without a version is accepted: it
        comes from another program.
        """
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("authorization", "").removeprefix("Bearer ")
        needed = self._host.token and scope["path"] != protocol.PROOF_PATH
        if needed and not hmac.compare_digest(given.encode(), self._host.token.encode()):
            return make_error_response(
                "This model host belongs to somebody else: the token is missing or wrong.", 401, "token"
            )
        version = headers.get(protocol.HEADER)
        if version is not None and version != self._host.version:
            return make_error_response(
                f"This is the model host of {self._host.version}, not of {version}.", 409, "version"
            )
        return None
