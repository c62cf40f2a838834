"""The completion model behind a connection: our own host, or any server with OpenAI's `/v1/completions`.

Stop rules are applied here, token by token, and who has enough closes the connection, which is how the other side
learns to stop. To our host it speaks with its extension (`models.host.forms`): the request arrives exactly, and
scores and alternatives are had too. Another server (llama.cpp's, vLLM, Ollama) gets the model's own markers where they
are known, else prompt and suffix. Start at `RemoteModel.generate`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from models.chat import ChatError, Fault
from models.completion import FillRequest, Generation, Ranked, StopReason
from models.continuation import Continuation
from models.ctranslate import LEAST_ALTERNATIVE
from models.endpoint import Outgoing
from models.errors import ModelError
from models.host.forms import CompletionForm, Placing, read_score
from models.http import GivenUpError
from models.providers import completions
from models.providers.remote import estimated_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from models.catalog import ModelEntry
    from models.completion import Score
    from models.host.connection import Connection
    from models.tokens import Tokenizer

NOTHING = (Generation("", (), StopReason.CANCELLED),)


class _EnoughError(Exception):
    """The stop rule said so: the connection is closed."""


class Speech(Protocol):
    """What is said to the other side, and what it can do."""

    def outgoing(self, form: CompletionForm, headers: Mapping[str, str]) -> Outgoing:
        """A request as it is sent."""
        ...

    def refused(self, error: ChatError) -> bool:
        """Whether another `outgoing` leaves out what the server did not take."""
        ...

    @property
    def exact(self) -> bool:
        """Whether scores and alternatives can be had."""
        ...


class HostSpeech:
    """To our host."""

    exact = True

    def outgoing(self, form: CompletionForm, headers: Mapping[str, str]) -> Outgoing:
        """All of the request."""
        return completions.extended(form, headers)

    def refused(self, _: ChatError) -> bool:
        """It takes all of it."""
        return False


@dataclass(slots=True)
class PlainSpeech:
    """To another server.

    Attributes:
        entry: the model; its markers, if they are known.
        markers: whether they go into the prompt.
        without: what this server turned out not to take.
    """

    entry: ModelEntry
    markers: bool
    without: frozenset[str] = field(default_factory=frozenset)
    exact: bool = False

    def outgoing(self, form: CompletionForm, headers: Mapping[str, str]) -> Outgoing:
        """What any server understands."""
        made = completions.plain(form.request, self.entry, self.without, markers=self.markers)
        return Outgoing(made.path, made.body, headers)

    def refused(self, error: ChatError) -> bool:
        """Whether the server names something that can be left out: probabilities, but never a suffix."""
        if "suffix" in error.said and not self.markers:
            if self.entry.fim.middle:
                self.markers = True
                return True
            raise ModelError(
                f"The server takes no suffix, and the markers of {self.entry.name} are not known; name in `model.name` "
                "a model that `starling models list --available` shows, as the server calls it."
            ) from None
        named = next((name for name in completions.OPTIONAL if name in error.said and name not in self.without), None)
        if named is None or named == "suffix":
            return False
        self.without |= {named}
        return True


class RemoteModel:
    """Implements `models.completion.CompletionModel` over a connection. Thread-safe.

    Attributes:
        entry: which model.
        traits: how the other side computes, as far as it says so ("device", "compute_type", "threads").
        problems: one sentence for each thing that went differently than configured.
    """

    def __init__(
        self,
        entry: ModelEntry,
        connection: Connection,
        speech: Speech,
        *,
        placing: Placing | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        self.entry = entry
        self.traits: Mapping[str, Any] = {}
        self.problems: tuple[str, ...] = ()
        self._connection = connection
        self._speech = speech
        self._placing = placing or Placing()
        self._tokenizer = tokenizer
        self._closing = False

    @property
    def device(self) -> str:
        """Where it computes, as far as is known."""
        return str(self.traits.get("device", "elsewhere"))

    @property
    def compute_type(self) -> str:
        """How it computes, "" where that is not known."""
        return str(self.traits.get("compute_type", ""))

    @property
    def threads(self) -> int:
        """With how many threads, 0 where that is not known."""
        return int(self.traits.get("threads", 0))

    def load(self) -> None:
        """Have the host load it, so that the first request need not wait; for our own host alone.

        Raises:
            ModelError: it cannot be loaded.
        """
        placement = CompletionForm(self.entry.name, _NONE, placing=self._placing).body()["starling"]["placement"]
        reader = completions.ObjectReader()
        body = {"model": self.entry.name, "placement": placement}
        self._asked(lambda headers: Outgoing("/starling/load", body, headers), lambda _: reader, self._closed, None)
        self.problems = tuple(map(str, reader.found.get("problems") or ()))
        self.traits = {
            name: reader.found[name] for name in ("device", "compute_type", "threads") if name in reader.found
        }

    def count_tokens(self, text: str) -> int:
        """Number of the model's tokens; an estimate where its tokenizer is not here."""
        return self._tokenizer.count(text) if self._tokenizer is not None else estimated_tokens(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Complete `request`; see `models.completion.CompletionModel.generate`."""
        ranking: list[Ranked] = []
        ranked = alternatives + 1 if alternatives > 1 and self._speech.exact else 1
        form = CompletionForm(
            self.entry.name, request, stream=True, log_probs=True, ranked=ranked, placing=self._placing
        )
        best = self._generation(form, stop, cancelled, ranking)
        if best is None:
            return NOTHING
        found = [best]
        for first in ranking[1:]:
            if len(found) >= alternatives or first.log_prob < LEAST_ALTERNATIVE:
                break
            if self._tokenizer is not None and self._tokenizer.token(first.number) == self.entry.fim.end:
                continue
            other = CompletionForm(
                self.entry.name, request, stream=True, log_probs=True, first=first, placing=self._placing
            )
            generation = self._generation(other, stop, cancelled, [])
            if generation is None:
                break
            if all(generation.text != earlier.text for earlier in found):
                found.append(generation)
        return tuple(found)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Judge `continuations`; nothing where the server cannot. See `models.completion.CompletionModel.score`."""
        if not continuations or not self._speech.exact or cancelled():
            return ()
        form = CompletionForm(self.entry.name, request, score=tuple(continuations), placing=self._placing)
        readers: list[completions.Reader] = []

        def begin(tell: Callable[[str], None]) -> completions.Reader:
            readers.append(completions.Reader(tell))
            return readers[-1]

        try:
            self._asked(lambda headers: self._speech.outgoing(form, headers), begin, cancelled, None)
        except GivenUpError:
            return ()
        scores = zip(continuations, readers[-1].scores, strict=False)
        return tuple(read_score(text, score) for text, score in scores)

    def close(self) -> None:
        """End what runs; the weights are the other side's."""
        self._closing = True
        self._connection.close()

    def _closed(self) -> bool:
        return self._closing

    def _generation(
        self,
        form: CompletionForm,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        ranking: list[Ranked],
    ) -> Generation | None:
        """One continuation; None when it was given up."""
        continuation = Continuation(stop, cancelled)
        readers: list[completions.Reader] = []

        def begin(tell: Callable[[str], None]) -> completions.Reader:
            readers.append(completions.Reader(tell))
            return readers[-1]

        def hear(piece: str) -> None:
            nonlocal continuation
            told = json.loads(piece)
            if told == "begin":  # also of another try: what came before it is forgotten
                continuation = Continuation(stop, cancelled)
                ranking.clear()
            elif isinstance(told, dict):
                ranking.extend(completions.read_ranking(told["ranking"]))
            elif continuation.take(*told):
                raise _EnoughError

        try:
            self._asked(lambda headers: self._speech.outgoing(form, headers), begin, cancelled, hear)
        except GivenUpError:
            return None
        except _EnoughError:
            if continuation.reason is StopReason.CANCELLED:
                return None
        decoded = readers[-1].decoded
        return continuation.finish(decoded.prompt_tokens, decoded.reused_tokens, spent=decoded.end is StopReason.LENGTH)

    def _asked(
        self,
        outgoing: Callable[[Mapping[str, str]], Outgoing],
        begin: Callable[[Callable[[str], None]], Any],
        cancelled: Callable[[], bool],
        hear: Callable[[str], None] | None,
    ) -> None:
        """Ask; once more if the host died meanwhile, or if the server names what it does not take.

        Raises:
            GivenUpError: the caller no longer wants it.
            ModelError: no answer came.
        """
        again = True
        while True:
            if self._closing:
                raise ModelError(f"The model {self.entry.name} was unloaded; choose a model again.")
            endpoint = self._connection.endpoint(cancelled)
            try:
                endpoint.exchange(
                    outgoing(self._connection.headers), completions.authorize, begin, cancelled=cancelled, on_text=hear
                )
            except ChatError as error:
                if again and error.fault is Fault.UNREACHABLE and self._connection.lost(endpoint):
                    again = False
                elif not self._speech.refused(error):
                    raise ModelError(self._sentence(error, endpoint.url)) from error
            else:
                return

    def _sentence(self, error: ChatError, url: str) -> str:
        """What a person is told; our host says it itself."""
        if self._speech.exact and error.said:
            return error.said
        name = self.entry.name
        said = f' ("{error.said[:200]}")' if error.said else ""
        if error.fault is Fault.UNREACHABLE:
            return f"{url} cannot be reached; see whether the server runs and `model.host` is right."
        if error.fault is Fault.NOT_FOUND:
            return f"{url} knows no model {name}, or completes no code{said}; look at `model.host` and `model.name`."
        if error.fault is Fault.RESTING:
            return str(error)
        return f"{url} did not complete code with {name}{said}: {error.fault.value}; look at the server's own log."


_NONE = FillRequest("", "", "")
