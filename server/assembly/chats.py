"""The chat models that the settings name: a fallback chain for each role, built from `server.assembly.endpoints`.

Sends nothing to an endpoint by itself, and imports nothing heavy if no chat model is configured. Start at
`build_chats`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat_layers import IdentifiedChat, Tuning
    from models.remote.billing import Ledger, Prices
    from models.remote.exchange import Patience
    from models.remote.fallback import FallbackChain, Link
    from server.assembly.endpoints import ChatSettings, EndpointSettings

FIRST_TOKEN_S, LOCAL_FIRST_TOKEN_S = 30.0, 180.0  # a server on this machine may have to load its model first
SHORTEST_IDLE_S = 30.0
IMPATIENCE_S = 5.0  # longest wait for a rate limit to end if there is another model to ask


@dataclass(frozen=True, slots=True)
class Chats:
    """The chat models of a session.

    Attributes:
        chat: the chain that converses, None without a chat model.
        review: the chain that reviews; the same as `chat` if the settings name no other.
        problems: problems of the settings, a sentence each.
    """

    chat: FallbackChain | None = None
    review: FallbackChain | None = None
    problems: tuple[str, ...] = ()

    @property
    def by_role(self) -> dict[str, FallbackChain]:
        """The chains by role; a chain with two roles only under its first."""
        roles = {"chat": self.chat, "review": self.review if self.review is not self.chat else None}
        return {role: chain for role, chain in roles.items() if chain is not None}

    def set_listener(self, notify: Callable[[str], None]) -> None:
        """Let `notify` be called, on any thread, with a sentence for a person when the answering model changes."""
        for chain in self.by_role.values():
            chain.set_listener(notify)

    def close(self) -> None:
        """Close the connections and end running requests of all chains."""
        for chain in self.by_role.values():
            chain.close()


def build_chats(settings: ChatSettings, cache: Path | None, ledger: Ledger | None = None) -> Chats:
    """Build the fallback chains of the chat models that the settings name.

    Args:
        settings: the settings of all chat models.
        cache: folder for cached answers, None for no cache.
        ledger: books the costs, None for no record.
    """
    builder = _ChatBuilder(cache, ledger)
    chat = builder.build_chain("chat", settings.chain)
    review = builder.build_chain("review", settings.review) if settings.review else chat
    return Chats(chat, review, tuple(dict.fromkeys(builder.problems)))


@dataclass(slots=True)
class _ChatBuilder:
    """Builder of chains; roles that name the same endpoint share its connections, circuit breaker and rate limit."""

    cache: Path | None
    ledger: Ledger | None
    problems: list[str] = field(default_factory=list)
    known: dict[tuple[EndpointSettings, bool, str], tuple[IdentifiedChat, Tuning]] = field(default_factory=dict)

    def build_chain(self, role: str, wanted: tuple[EndpointSettings, ...]) -> FallbackChain | None:
        """Return the fallback chain of the models in `wanted`; None if none can be built, which adds to `problems`."""
        links = []
        for one, following in itertools.zip_longest(wanted, wanted[1:]):
            link = self._build_link(role, one, alone=following is None)
            links += [link] if link is not None else []
        if not links:
            return None
        from models.remote.fallback import FallbackChain  # noqa: PLC0415 (for a person with a chat model alone)

        return FallbackChain(links)

    def _build_link(self, role: str, wanted: EndpointSettings, *, alone: bool) -> Link | None:
        """Return one model of a chain, with its billing, cache and masking of secrets.

        Returns None, and adds to `problems`, if its settings are wrong. `alone` tells that no other model follows.
        """
        from indexing.workspace.secrets.literals import find_secrets  # noqa: PLC0415
        from models.chat_layers import TunedChat  # noqa: PLC0415
        from models.masking import MaskedChat  # noqa: PLC0415
        from models.remote.billing import Account, BilledChat  # noqa: PLC0415 (for a person with a chat model alone)
        from models.remote.fallback import Link  # noqa: PLC0415
        from models.remote.replies import CachedChat  # noqa: PLC0415

        key = (wanted, alone, "" if wanted.url else role)  # the settings of a catalog model depend on the role
        if key not in self.known:
            found = _build_remote(wanted, alone=alone) if wanted.url else _build_local(wanted, role)
            if isinstance(found, str):
                self.problems.append(found)
                return None
            self.known[key] = found
        asked, tuning = self.known[key]
        chat: IdentifiedChat = TunedChat(asked, tuning)
        if self.ledger is not None:
            account = Account(wanted.place, wanted.model, role, _choose_prices(wanted))
            chat = BilledChat(chat, account, self.ledger)
        if self.cache is not None and wanted.cache_s:
            chat = CachedChat(chat, self.cache, kept_s=wanted.cache_s)
        return Link(MaskedChat(chat, find_secrets), wanted.place)  # outermost: no layer ever has a secret


def _build_remote(wanted: EndpointSettings, *, alone: bool) -> tuple[IdentifiedChat, Tuning] | str:
    """Return the model at an endpoint, or a sentence that says what is wrong with its settings."""
    if not wanted.model:
        return f"chat.url is set ({wanted.url}) and chat.model is not; name the model as the endpoint calls it."
    from models.chat_layers import Tuning  # noqa: PLC0415
    from models.remote.endpoint import Endpoint  # noqa: PLC0415 (for a person with an endpoint alone)
    from models.remote.http import HttpClient, HttpOptions  # noqa: PLC0415
    from models.remote.keys import KeySource  # noqa: PLC0415
    from models.remote.providers.registry import load_dialect  # noqa: PLC0415
    from models.remote.providers.remote_chat import RemoteChat  # noqa: PLC0415

    client = HttpClient(HttpOptions(wanted.proxy, Path(wanted.ca_file) if wanted.ca_file else None))
    file = paths.expand_home(wanted.key_file) if wanted.key_file else None
    key = KeySource(wanted.key_env, file, wanted.keyring)
    base = load_dialect(wanted.api).strip_url(wanted.url)
    endpoint = Endpoint(base, client, key=key, patience=_choose_timeouts(wanted, alone=alone))
    chat = RemoteChat(wanted.model, endpoint, client, dialect=wanted.api, context_tokens=wanted.context_tokens)
    return chat, Tuning(wanted.temperature if wanted.temperature >= 0 else None, wanted.answer_tokens)


def _choose_timeouts(wanted: EndpointSettings, *, alone: bool) -> Patience:
    """Return the time and rate limits of an endpoint; shorter if it is not `alone`, longer on this machine."""
    from models.remote.exchange import Patience  # noqa: PLC0415 (for a person with an endpoint alone)
    from models.remote.http import is_local  # noqa: PLC0415

    local = is_local(wanted.url)
    usual = Patience()
    return Patience(
        first_token_s=wanted.first_token_s or (LOCAL_FIRST_TOKEN_S if local else FIRST_TOKEN_S),
        idle_s=max(SHORTEST_IDLE_S, float(wanted.first_token_s)),
        total_s=float(wanted.timeout_s),
        most_wait_s=usual.most_wait_s if alone else IMPATIENCE_S,
        requests_per_hour=0 if local else wanted.requests_per_hour,
    )


def _build_local(wanted: EndpointSettings, role: str) -> tuple[IdentifiedChat, Tuning] | str:
    """Return the catalog's chat model with the wanted name, or a sentence that says why there is none."""
    from models.catalog.catalog import Catalog  # noqa: PLC0415 (for a person with such a model)
    from models.chat_layers import Tuning  # noqa: PLC0415
    from server.assembly import hosts  # noqa: PLC0415

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


def _choose_prices(wanted: EndpointSettings) -> Prices | None:
    """Return the prices in the settings, no costs for a model on this machine, None if the prices are unknown."""
    from models.remote.billing import NOTHING, Prices  # noqa: PLC0415 (for a person with a chat model alone)
    from models.remote.http import is_local  # noqa: PLC0415

    if wanted.input_price >= 0 and wanted.output_price >= 0:
        return Prices(
            wanted.input_price, wanted.output_price, wanted.cached_price if wanted.cached_price >= 0 else None
        )
    return NOTHING if not wanted.url or is_local(wanted.url) else None
