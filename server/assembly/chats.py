"""The chat models of a person's settings (`server.assembly.endpoints`): a chain of models for each role.

Sends no request, and imports nothing heavy unless a chat model is named. Start at `build_chats`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.catalog.catalog import ModelEntry
    from models.chat import Reply
    from models.chat_layers import IdentifiedChat, Tuning
    from models.remote.billing import Ledger, Prices
    from models.remote.exchange import Patience
    from models.remote.fallback import FallbackChain, Link
    from server.assembly.endpoints import ChatSettings, EndpointSettings

# Longest wait for the first token. A server on this machine may have to load its model first.
FIRST_TOKEN_S, LOCAL_FIRST_TOKEN_S = 30.0, 180.0
SHORTEST_IDLE_S = 30.0
# Longest wait that an endpoint may demand (`Retry-After`) if another model can be asked instead.
MOST_DEMANDED_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Chats:
    """The chat models of a session.

    Attributes:
        chat: the models for conversations; None if there is none.
        review: the models for reviews, which are those of `chat` unless others are named; None if there is none.
        problems: problems with the settings, one sentence each.
        prices: prices of the models that have some, by the model's name in the settings.
        led: the roles whose first model is led by a fixed pipeline, because it is small (`ModelEntry.led`).
        small_reviewer: whether the first model for reviews is small: by the catalog, or by its name at an endpoint.
    """

    chat: FallbackChain | None = None
    review: FallbackChain | None = None
    problems: tuple[str, ...] = ()
    led: frozenset[str] = frozenset()
    small_reviewer: bool = False
    prices: Mapping[str, Prices] = field(default_factory=dict)

    def compute_cost(self, reply: Reply) -> float:
        """Return the cost of `reply` by the prices of its model; 0 if a cache answered, or no model has known prices.

        A model without known prices gets those of the first model that has some, because an endpoint may answer with
        the name of a version.
        """
        if reply.cached or not self.prices:
            return 0.0
        prices = self.prices.get(reply.model) or next(iter(self.prices.values()))
        return prices.compute_cost(reply.usage)

    @property
    def by_role(self) -> dict[str, FallbackChain]:
        """The chains by role; a chain with two roles only under the first."""
        roles = {"chat": self.chat, "review": self.review if self.review is not self.chat else None}
        return {role: chain for role, chain in roles.items() if chain is not None}

    def set_listener(self, notify: Callable[[str], None]) -> None:
        """Have `notify` called with a sentence, from any thread, when a chain falls back to a later model."""
        for chain in self.by_role.values():
            chain.set_listener(notify)

    def close(self) -> None:
        """Cancel running calls and close all connections."""
        for chain in self.by_role.values():
            chain.close()


def build_chats(settings: ChatSettings, cache: Path | None, ledger: Ledger | None = None) -> Chats:
    """Return the chat models that the settings name.

    Args:
        settings: the settings of all chat models.
        cache: folder of cached answers; None to cache none.
        ledger: store in which costs are recorded; None to record none.
    """
    builder = _ChainBuilder(cache, ledger)
    chat = builder.build_chain("chat", settings.endpoints)
    review = builder.build_chain("review", settings.review) if settings.review else chat
    first = {"chat": settings.endpoints[:1], "review": (settings.review or settings.endpoints)[:1]}
    entries = {one: _find_entry(one) for wanted in first.values() for one in wanted}
    led = frozenset(role for role, wanted in first.items() if any(_is_led(entries[one]) for one in wanted))
    small = any(_is_small(one, entries[one]) for one in first["review"])
    return Chats(chat, review, tuple(dict.fromkeys(builder.problems)), led, small, _list_prices(settings))


def _list_prices(settings: ChatSettings) -> dict[str, Prices]:
    """Return the prices of the models whose prices are known, by name, in the order of the settings."""
    named = {one.model: _choose_prices(one) for one in (*settings.endpoints, *settings.review) if one.model}
    return {model: prices for model, prices in named.items() if prices is not None}


@dataclass(slots=True)
class _ChainBuilder:
    """A builder of chains; roles with the same settings share an endpoint's connections, breaker and hourly limit.

    Attributes:
        cache: folder of cached answers; None to cache none.
        ledger: store in which costs are recorded; None to record none.
        problems: problems with the settings, one sentence each.
        known: the models built so far, by their settings, whether no other model can be asked, and the role.
    """

    cache: Path | None
    ledger: Ledger | None
    problems: list[str] = field(default_factory=list)
    known: dict[tuple[EndpointSettings, bool, str], tuple[IdentifiedChat, Tuning]] = field(default_factory=dict)

    def build_chain(self, role: str, wanted: tuple[EndpointSettings, ...]) -> FallbackChain | None:
        """Return the chain of the models that can be built, in order; None if none can.

        Adds to `problems` why the others cannot be built.
        """
        links = []
        for one, following in itertools.zip_longest(wanted, wanted[1:]):
            link = self._build_link(role, one, alone=following is None)
            links += [link] if link is not None else []
        if not links:
            return None
        from models.remote.fallback import FallbackChain  # noqa: PLC0415 (for a person with a chat model alone)

        return FallbackChain(links)

    def _build_link(self, role: str, wanted: EndpointSettings, *, alone: bool) -> Link | None:
        """Return the model of `wanted` with its layers (tuning, costs, cache, masking of secrets).

        Return None if it cannot be built, and add the reason to `problems`. With `alone`, no other model can be asked
        after it.
        """
        from indexing.workspace.secrets import known_values  # noqa: PLC0415
        from indexing.workspace.secrets.literals import find_secrets  # noqa: PLC0415
        from models.chat_layers import TunedChat  # noqa: PLC0415
        from models.masking import MaskedChat  # noqa: PLC0415
        from models.remote import keys  # noqa: PLC0415
        from models.remote.billing import Account, BilledChat  # noqa: PLC0415 (for a person with a chat model alone)
        from models.remote.fallback import Link  # noqa: PLC0415
        from models.remote.replies import CachedChat  # noqa: PLC0415

        keys.observe_keys(known_values.register_one)
        key = (wanted, alone, "" if wanted.url else role)  # the tuning of a model of one's own depends on the role
        if key not in self.known:
            found = _build_remote(wanted, alone=alone) if wanted.url else _build_local(wanted, role)
            if isinstance(found, str):
                self.problems.append(found)
                return None
            self.known[key] = found
        asked, tuning = self.known[key]
        chat: IdentifiedChat = TunedChat(asked, tuning)
        if self.ledger is not None:
            account = Account(wanted.location, wanted.model, role, _choose_prices(wanted))
            chat = BilledChat(chat, account, self.ledger)
        if self.cache is not None and wanted.cache_s:
            chat = CachedChat(chat, self.cache, kept_s=wanted.cache_s, find=find_secrets)
        masked = MaskedChat(chat, find_secrets)  # outermost: no layer ever has a secret
        return Link(masked, wanted.location, getattr(asked, "list_hosts", tuple))


def _build_remote(wanted: EndpointSettings, *, alone: bool) -> tuple[IdentifiedChat, Tuning] | str:
    """Return the model at the endpoint of `wanted` with its tuning, or the problem with the settings, in a sentence."""
    if not wanted.model:
        return f"chat.url is set ({wanted.url}) and chat.model is not; name the model as the endpoint calls it."
    from models.chat_layers import Tuning  # noqa: PLC0415
    from models.remote.endpoint import Endpoint  # noqa: PLC0415 (for a person with an endpoint alone)
    from models.remote.endpoint_group import EndpointGroup  # noqa: PLC0415
    from models.remote.http import POOL, HttpClient, HttpOptions  # noqa: PLC0415
    from models.remote.keys import KeySource  # noqa: PLC0415
    from models.remote.providers.registry import load_dialect  # noqa: PLC0415
    from models.remote.providers.remote_chat import RemoteChat  # noqa: PLC0415

    strip_url = load_dialect(wanted.api).strip_url
    urls = tuple(dict.fromkeys(map(strip_url, wanted.urls)))
    several = len(urls) > 1
    authority = Path(wanted.ca_file) if wanted.ca_file else None
    client = HttpClient(HttpOptions(wanted.proxy, authority, connections=None if several else POOL))
    file = paths.expand_home(wanted.key_file) if wanted.key_file else None
    key = KeySource(wanted.key_env, file, wanted.keyring)
    patience = _choose_timeouts(wanted, alone=alone)
    endpoint = (
        EndpointGroup(urls, client, key=key, patience=patience)
        if several
        else Endpoint(urls[0], client, key=key, patience=patience)
    )
    chat = RemoteChat(wanted.model, endpoint, client, dialect=wanted.api, context_tokens=wanted.context_tokens)
    return chat, Tuning(wanted.temperature if wanted.temperature >= 0 else None, wanted.answer_tokens)


def _choose_timeouts(wanted: EndpointSettings, *, alone: bool) -> Patience:
    """Return the timeouts and limits of an endpoint or a group; with `alone`, no other model can be asked instead."""
    from models.remote.exchange import Patience  # noqa: PLC0415 (for a person with an endpoint alone)
    from models.remote.http import is_local  # noqa: PLC0415

    local = all(map(is_local, wanted.urls))
    usual = Patience()
    return Patience(
        first_token_s=wanted.first_token_s or (LOCAL_FIRST_TOKEN_S if local else FIRST_TOKEN_S),
        idle_s=max(SHORTEST_IDLE_S, float(wanted.first_token_s)),
        total_s=float(wanted.timeout_s),
        most_wait_s=usual.most_wait_s if alone else MOST_DEMANDED_WAIT_S,
        requests_per_hour=0 if local else wanted.requests_per_hour,
    )


def _build_local(wanted: EndpointSettings, role: str) -> tuple[IdentifiedChat, Tuning] | str:
    """Return the chat model of the catalog that `wanted` names with its tuning, or the problem, in a sentence."""
    from models.catalog.catalog import Catalog  # noqa: PLC0415 (for a person with such a model)
    from models.chat_layers import Tuning  # noqa: PLC0415
    from server.assembly import hosts  # noqa: PLC0415

    if wanted.replicas:
        return "chat.replicas is set and chat.url is not; set chat.url to the first address of the model."
    catalog = Catalog.load(paths.models_dir())
    entry = catalog.get(wanted.model)
    if entry is None or entry.chat is None:
        fitting = ", ".join(one.name for one in catalog.entries.values() if one.chat is not None) or "none"
        return (
            f"chat.model names no chat model of yours ({wanted.model or 'nothing'}; there are: {fitting}), and "
            "chat.url is empty; set chat.url to the endpoint that has the model, or get one with `starling models "
            "pull`."
        )
    usual = (entry.settings or {}).get(role)
    temperature = usual.temperature if usual is not None else None
    temperature = wanted.temperature if wanted.temperature >= 0 else temperature
    return hosts.make_chat(entry), Tuning(
        temperature, wanted.answer_tokens, usual.max_tokens if usual is not None else 0
    )


def _is_led(entry: ModelEntry | None) -> bool:
    """Return whether a model of the catalog is led by a fixed pipeline; False for None, a model at an endpoint."""
    return entry is not None and entry.led


def _is_small(wanted: EndpointSettings, entry: ModelEntry | None) -> bool:
    """Return whether a model is small: by the weights in its `entry`, without one by the name that `wanted` has."""
    from models.catalog import sizes  # noqa: PLC0415 (for a person with a chat model alone)

    return sizes.is_small(wanted.model) if entry is None else entry.parameters < sizes.SMALL


def _find_entry(wanted: EndpointSettings) -> ModelEntry | None:
    """Return the model of the catalog that `wanted` names; None for a model at an endpoint, and an unknown one."""
    if wanted.url or not wanted.model:
        return None
    from models.catalog.catalog import Catalog  # noqa: PLC0415 (for a person with such a model)

    return Catalog.load(paths.models_dir()).get(wanted.model)


def _choose_prices(wanted: EndpointSettings) -> Prices | None:
    """Return the prices in the settings; without any, zero for a model on this machine, else None (unknown)."""
    from models.remote.billing import FREE, Prices  # noqa: PLC0415 (for a person with a chat model alone)
    from models.remote.http import is_local  # noqa: PLC0415

    if wanted.input_price >= 0 and wanted.output_price >= 0:
        return Prices(
            wanted.input_price, wanted.output_price, wanted.cached_price if wanted.cached_price >= 0 else None
        )
    return FREE if all(map(is_local, wanted.urls)) else None
