"""The connection to a person's completion server: asks for its list of models and chooses the dialect by it.

Asks `/v1/models` once, for the model's name, its context window, and the kind of server: our own host, llama.cpp,
Ollama, TGI (which is asked for `/info`, too) or another. Start at `connect_to_server`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.catalog.catalog import FimTokens, ModelEntry
from models.errors import ModelError
from models.host.address import SOCKET_URL
from models.host.connection import FixedConnection
from models.remote.completion.dialects import (
    HostDialect,
    LlamaCppDialect,
    OllamaDialect,
    PlainDialect,
    TgiDialect,
)
from models.remote.completion.remote_completion import RemoteModel
from models.remote.endpoint import Endpoint
from models.remote.endpoint_group import EndpointGroup
from models.remote.http import POOL, HttpClient, HttpOptions
from models.remote.lenient_json import read_count, read_list, read_object
from starling_python import pause_garbage_collection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import httpx2

    from models.remote.completion.dialects import CompletionDialect

OLLAMA = "library"  # `owned_by` of Ollama's models
OLLAMA_WINDOW = 8192  # tokens; Ollama reserves memory for the whole window that a request names
LLAMA_CPP = "llamacpp"  # `owned_by` of the models of llama.cpp's own server
TGI = "text-generation-router"  # `router` in TGI's `/info`; the `owned_by` of its model is the model's own name
OURS = "starling"  # `owned_by` of our own host's models
USUAL_WINDOW = 4096
TIMEOUT_S = 10.0
LOADING = 503  # status of a server that is still loading its model


@dataclass(frozen=True, slots=True)
class Listed:
    """A model in a server's list.

    Attributes:
        name: its name there.
        owner: its `owned_by`, by which the kind of server is recognized.
        context_tokens: its context window; 0 if the server does not state it.
    """

    name: str
    owner: str
    context_tokens: int


def make_entry(name: str) -> ModelEntry:
    """Return a catalog entry for a model of which only the name is known.

    If `name` is one of the published models, the entry has its markers and context window.
    """
    from models.catalog.published_models import load_published_models  # noqa: PLC0415 (reads its files)

    published = next(
        (one for one in load_published_models().values() if _matches_name(one.name, one.repository, name)), None
    )
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


def connect_to_server(  # noqa: PLR0913 - model and addresses
    entry: ModelEntry,
    url: str,
    socket: Path | None,
    *,
    named: bool,
    known: Callable[[str], ModelEntry] = make_entry,
    replicas: Sequence[str] = (),
) -> RemoteModel:
    """Connect to the server at `url` or `socket` and return the model of `entry` there.

    With `replicas`, the first address that answers decides about the dialect and the model's name.

    Args:
        entry: the model's catalog entry.
        url: the server's URL, with or without `/v1`; "" with a socket.
        socket: the server's Unix socket; None for TCP.
        named: whether a person named the model; else the server's first model is used.
        known: returns the catalog entry for a name, for the server's first model.
        replicas: URLs of further servers of the same kind with the same model; none with a socket.

    Raises:
        ModelError: the server cannot be reached, or does not have the model.
    """
    bases = tuple(dict.fromkeys(one.rstrip("/").removesuffix("/v1") + "/v1" for one in (url or SOCKET_URL, *replicas)))
    several = len(bases) > 1
    client = HttpClient(HttpOptions(socket=socket, connections=None if several else POOL))
    try:
        listed = _find_anywhere(bases, client, entry.name if named else "")
    except ModelError:
        client.close()
        raise
    if not named:
        entry = known(listed.name)
    assumed = min(entry.context_tokens, OLLAMA_WINDOW) if listed.owner == OLLAMA else entry.context_tokens
    window = min(assumed, listed.context_tokens or assumed)
    entry = replace(entry, name=listed.name, context_tokens=max(window, 256))
    markers, dialect = bool(entry.fim.middle), _choose_dialect(listed)
    if listed.owner in {OLLAMA, LLAMA_CPP, TGI}:
        bases = tuple(base.removesuffix("/v1") for base in bases)
    endpoint = EndpointGroup(bases, client) if several else Endpoint(bases[0], client)
    return RemoteModel(entry, FixedConnection(endpoint, client), dialect(entry, markers))


def _choose_dialect(listed: Listed) -> Callable[[ModelEntry, bool], CompletionDialect]:
    """Return the constructor of the dialect that the server takes; its arguments are the entry and `markers`."""
    if listed.owner == OURS:
        return lambda _entry, _markers: HostDialect()
    own: dict[str, Callable[[ModelEntry, bool], CompletionDialect]] = {
        OLLAMA: OllamaDialect,
        LLAMA_CPP: LlamaCppDialect,
        TGI: TgiDialect,
    }
    return own.get(listed.owner, PlainDialect)


def _find_anywhere(bases: Sequence[str], client: HttpClient, name: str) -> Listed:
    """Return the model called `name` as the first server that answers lists it; see `_find_listed_model`.

    Raises:
        ModelError: no server answers with a model that fits; the message is about the first server.
    """
    errors: list[ModelError] = []
    for base in bases:
        try:
            return _find_listed_model(base, client, name)
        except ModelError as error:
            errors.append(error)
    raise errors[0]


def _find_listed_model(base: str, client: HttpClient, name: str) -> Listed:
    """Ask the server for its models and return the model called `name`; the first if `name` is "".

    If none has just this name, returns the first one that `name` may mean.

    Raises:
        ModelError: the server cannot be reached, or does not list the model.
    """
    answer = _get(f"{base}/models", client)
    if answer == LOADING:
        raise ModelError(f"{base} is still loading its model; it is asked again in a while.")
    models = [_read_listed(item) for item in map(read_object, read_list(read_object(answer).get("data"))) if item]
    if not models:
        raise ModelError(f"{base}/models lists no model ({answer}); see whether `model.host` is right.")
    if models[0].owner == models[0].name:
        models = [_ask_tgi(models[0], base, client)]
    if not name:
        return models[0]
    matching = [one for one in models if _matches_name(one.name, "", name)]
    found = next((one for one in matching if one.name == name), matching[0] if matching else None)
    if found is None:
        names = ", ".join(one.name for one in models[:10])
        raise ModelError(f"{base} has no model {name}; set `model.name` to one of: {names}.")
    return found


def _get(url: str, client: HttpClient) -> Any:  # noqa: ANN401 (JSON)
    """Return the JSON at `url`, or the status code of a refusal.

    Raises:
        ModelError: the server cannot be reached, or sends something else.
    """
    with pause_garbage_collection():
        import httpx2  # noqa: PLC0415 (for a person with such a server)

    async def ask(http: httpx2.AsyncClient, _: object) -> Any:  # noqa: ANN401 (JSON)
        """Return the JSON, or the status code of a refusal."""
        response = await http.get(url, timeout=TIMEOUT_S)
        return response.json() if response.status_code == httpx2.codes.OK else response.status_code

    try:
        return client.call(url, ask, cancelled=lambda: False)
    except (httpx2.HTTPError, ValueError) as error:
        base = url.rpartition("/")[0]
        raise ModelError(
            f"{base} cannot be reached ({error}); see whether the server runs and `model.host` is right."
        ) from None


def _ask_tgi(listed: Listed, base: str, client: HttpClient) -> Listed:
    """Return `listed` as a model of TGI with its window, if the server turns out to be TGI; else `listed` unchanged."""
    try:
        told = read_object(_get(f"{base.removesuffix('/v1')}/info", client))
    except ModelError:
        return listed
    if told.get("router") != TGI:
        return listed
    return Listed(listed.name, TGI, read_count(told.get("max_total_tokens")))


def _read_listed(item: Mapping[str, Any]) -> Listed:
    """Return the model in `item` of the server's list; each kind of server states the window in another field."""
    meta = read_object(item.get("meta"))
    window = item.get("max_model_len") or meta.get("n_ctx") or meta.get("n_ctx_train")
    return Listed(str(item.get("id", "")), str(item.get("owned_by", "")), read_count(window))


def _matches_name(name: str, repository: str, wanted: str) -> bool:
    """Return whether `wanted` may mean a model; for `starcoder2-3b` also `bigcode/starcoder2-3b` and `starcoder2:3b`.

    Letter case, `:latest` at the end of `wanted`, and the owners before a "/" make no difference, even if these differ.

    Args:
        name: the model's name.
        repository: the model's published repository; "" if none is known.
        wanted: the name to look for.
    """
    plain = wanted.rpartition("/")[2].removesuffix(":latest").replace(":", "-").lower()
    return wanted.lower() in {name.lower(), repository.lower()} or plain == name.rpartition("/")[2].lower()
