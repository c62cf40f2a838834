"""A completion model at somebody else's server: what the server says of itself decides how it is spoken to.

Asks `/v1/models` once: for the model's name and window, and whether it is our own host. Start at `connected`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.catalog.catalog import FimTokens, ModelEntry
from models.errors import ModelError
from models.host.address import SOCKET_URL
from models.host.connection import FixedConnection
from models.remote.completion.dialects import HostSpeech, OllamaSpeech, PlainSpeech
from models.remote.completion.remote_completion import RemoteModel
from models.remote.endpoint import Endpoint
from models.remote.http import HttpClient, HttpOptions
from starling_python import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2

    from models.remote.completion.dialects import Speech

OLLAMA = "library"  # who owns Ollama's models, by its own words
OLLAMA_WINDOW = 8192  # tokens; it sets aside memory for all that it is asked for
OURS = "starling"
USUAL_WINDOW = 4096
LOOK_S = 10.0


@dataclass(frozen=True, slots=True)
class Listed:
    """What a server says of a model: its name there, who serves it, its window (0 where it does not say)."""

    name: str
    owner: str
    context_tokens: int


def unknown_entry(name: str) -> ModelEntry:
    """What is known of a model by its name alone: markers, if it is one that can be pulled."""
    from models.catalog.published_models import known_models  # noqa: PLC0415 (reads its files)

    published = next((one for one in known_models().values() if _same(one.name, one.repository, name)), None)
    fim = published.fim if published is not None else None
    return ModelEntry(
        name=name or "the server's model",
        architecture="",
        parameters=published.parameters if published is not None else 0,
        context_tokens=published.context_tokens if published is not None else USUAL_WINDOW,
        quantization="",
        licence=published.licence if published is not None else "",
        source="",
        roles=("completion",),
        fim=fim or FimTokens("", "", "", ""),
        folder=Path(),
        weights=Path(),
    )


def connected(
    entry: ModelEntry,
    url: str,
    socket: Path | None,
    *,
    named: bool,
    known: Callable[[str], ModelEntry] = unknown_entry,
) -> RemoteModel:
    """The model of `entry` at a server.

    Args:
        entry: what is known of it here.
        url: of the server, with or without `/v1`; "" behind a socket.
        socket: a Unix socket, None for TCP.
        named: whether a person named the model; the server's first one is taken otherwise.
        known: what is known of a model by its name.

    Raises:
        ModelError: nobody is there, or not with that model.
    """
    base = (url or SOCKET_URL).rstrip("/").removesuffix("/v1") + "/v1"
    client = HttpClient(HttpOptions(socket=socket))
    try:
        listed = _listed(base, client, entry.name if named else "")
    except ModelError:
        client.close()
        raise
    if not named:
        entry = known(listed.name)
    usual = min(entry.context_tokens, OLLAMA_WINDOW) if listed.owner == OLLAMA else entry.context_tokens
    window = min(usual, listed.context_tokens or usual)
    entry = replace(entry, name=listed.name, context_tokens=max(window, 256))
    markers, speech = bool(entry.fim.middle), _speech(listed)
    if listed.owner == OLLAMA:
        base = base.removesuffix("/v1")
    return RemoteModel(entry, FixedConnection(Endpoint(base, client), client), speech(entry, markers))


def _speech(listed: Listed) -> Callable[[ModelEntry, bool], Speech]:
    """How the server is spoken to."""
    if listed.owner == OURS:
        return lambda _entry, _markers: HostSpeech()
    return OllamaSpeech if listed.owner == OLLAMA else PlainSpeech


def _listed(base: str, client: HttpClient, name: str) -> Listed:
    with uninterrupted():
        import httpx2  # noqa: PLC0415 (for a person with a server of their own)

    async def look(asking: httpx2.AsyncClient, _: object) -> Any:  # noqa: ANN401 (JSON)
        answer = await asking.get(f"{base}/models", timeout=LOOK_S)
        return answer.json() if answer.status_code == httpx2.codes.OK else answer.status_code

    try:
        told = client.call(base, look, cancelled=lambda: False)
    except (httpx2.HTTPError, ValueError) as error:
        raise ModelError(
            f"{base} cannot be reached ({error}); see whether the server runs and `model.host` is right."
        ) from None
    models = [_one(item) for item in told.get("data") or ()] if isinstance(told, dict) else []
    if not models:
        raise ModelError(f"{base}/models lists no model ({told}); see whether `model.host` is right.")
    if not name:
        return models[0]
    found = next((one for one in models if _same(one.name, "", name)), None)
    if found is None:
        names = ", ".join(one.name for one in models[:10])
        raise ModelError(f"{base} has no model {name}; set `model.name` to one of: {names}.")
    return found


def _one(item: Mapping[str, Any]) -> Listed:
    meta = item.get("meta") or {}
    window = item.get("max_model_len") or meta.get("n_ctx") or meta.get("n_ctx_train") or 0
    return Listed(str(item.get("id", "")), str(item.get("owned_by", "")), int(window))


def _same(name: str, repository: str, wanted: str) -> bool:
    """Whether a server's or the catalog's name means the same model: `bigcode/starcoder2-3b`, `starcoder2:3b`."""
    plain = wanted.rpartition("/")[2].removesuffix(":latest").replace(":", "-").lower()
    return wanted.lower() in {name.lower(), repository.lower()} or plain == name.rpartition("/")[2].lower()
