"""The completion model behind a connection: our own host, or any server with OpenAI's `/v1/completions`.

Stop rules are applied here, token by token, and who has enough closes the connection, which is how the other side
learns to stop. To our host it speaks with its extension (`models.host.protocol`): the request arrives exactly, and
scores are had too. Another server (llama.cpp's, vLLM, Ollama) gets the model's own markers where they are known,
else prompt and suffix; alternatives begin with the tokens that it tells to be likely. Start at `RemoteModel.generate`.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models.chat import ChatError, Fault
from models.completion import FillRequest, Generation, Ranked, StopReason
from models.continuation import Continuation, Rules, deadline_of
from models.errors import HostError, ModelError
from models.host.protocol import CompletionForm, Placing, read_score
from models.local.ctranslate_completion import LEAST_ALTERNATIVE
from models.remote.completion import openai_completions
from models.remote.endpoint import Outgoing
from models.remote.http import GivenUpError
from models.remote.providers.context_windows import estimated_tokens
from models.tokenizer import REPLACEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import Score
    from models.host.connection import Connection
    from models.remote.completion.dialects import Speech
    from models.tokenizer import Tokenizer

NOTHING = (Generation("", (), StopReason.CANCELLED),)


class _EnoughError(Exception):
    """The stop rule said so: the connection is closed."""


class _OtherwiseError(Exception):
    """The answer does not begin with what was left out of the prefix for it."""


class _Answer:
    """One answer while it is told by a `openai_completions.Reader`, from the tokens that were put into its prompt on.

    Attributes:
        continuation: what has come so far.
    """

    def __init__(
        self, fresh: Callable[[], Continuation], ranking: list[Ranked], begun: Ranked | None, again: str
    ) -> None:
        self.continuation = fresh()
        self._fresh = fresh
        self._ranking = ranking
        self._begun = begun
        self._again = again

    def hear(self, piece: str) -> None:
        """What a reader tells."""
        told = json.loads(piece)
        begun = self._begun
        if told == "begin":  # also of another try: what came before it is forgotten
            self.continuation = self._fresh()
            self._ranking.clear()
            if begun is not None:
                self._take(begun.text, begun.log_prob)
        elif isinstance(told, dict):
            self._ranking.extend(openai_completions.read_ranking(told["ranking"]))
        else:
            self._take((begun.text if begun is not None else "") + told[0], told[1])

    def _take(self, text: str, log_prob: float | None) -> None:
        """One token more.

        Raises:
            _EnoughError: that is enough.
            _OtherwiseError: it does not begin as it has to.
        """
        if not text.startswith(self._again):
            if self._again.startswith(text):
                return  # not all of it has come
            raise _OtherwiseError
        if self.continuation.take(text.removeprefix(self._again), log_prob):
            raise _EnoughError


class RemoteModel:
    """Implements `models.completion.CompletionModel` over a connection. Thread-safe.

    Attributes:
        entry: which model.
        traits: how the other side computes, as far as it says so ("device", "compute_type", "threads").
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
        self._problems: tuple[str, ...] = ()
        self._connection = connection
        self._speech = speech
        self._placing = placing or Placing()
        self._tokenizer = tokenizer
        self._closing = False

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each thing that went differently than configured, or is wrong with the other side now."""
        return (*self._problems, *filter(None, (self._connection.problem,)))

    def listen(self, told: Callable[[str], None]) -> None:
        """Call `told`, from any thread, with what a person should know of the host."""
        self._connection.listen(told)

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

    @property
    def measuring_s(self) -> float | None:
        """Seconds of loading that went into measuring; None where the host had it loaded before."""
        told = self.traits.get("measuring_s")
        return float(told) if isinstance(told, int | float) else None

    def load(self) -> None:
        """Have the host load it, so that the first request need not wait; for our own host alone.

        Raises:
            ModelError: it cannot be loaded.
        """
        placement = CompletionForm(self.entry.name, _NONE, placing=self._placing).body()["starling"]["placement"]
        reader = openai_completions.ObjectReader()
        body = {"model": self.entry.name, "placement": placement}
        self._asked(lambda headers: Outgoing("/starling/load", body, headers), lambda _: reader, self._closed, None)
        self._problems = tuple(map(str, reader.found.get("problems") or ()))
        self.traits = {
            name: reader.found[name]
            for name in ("device", "compute_type", "threads", "measuring_s")
            if name in reader.found
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
        deadline = deadline_of(request.budget_ms)
        ranked = alternatives + 1 if alternatives > 1 else 1
        form = CompletionForm(
            self.entry.name, request, stream=True, log_probs=True, ranked=ranked, placing=self._placing
        )
        again = self._speech.again(request)
        try:
            best = self._generation(
                form, Rules(stop, cancelled, deadline if request.ends_late else math.inf), ranking, again
            )
        except _OtherwiseError:
            again = ""
            best = self._generation(form, Rules(stop, cancelled, deadline if request.ends_late else math.inf), ranking)
        if best is None:
            return NOTHING
        found = [best]
        for first in ranking[1:]:
            left_ms = (deadline - time.monotonic()) * 1000
            if len(found) >= alternatives or first.log_prob < LEAST_ALTERNATIVE or left_ms <= 0:
                break
            if not self._sayable(first):
                continue
            left = request if math.isinf(left_ms) else replace(request, budget_ms=left_ms)
            other = CompletionForm(
                self.entry.name, left, stream=True, log_probs=True, first=first, placing=self._placing
            )
            try:
                generation = self._generation(
                    other, Rules(stop, cancelled, deadline if request.ends_late else math.inf), [], again
                )
            except _OtherwiseError:
                continue
            if generation is None or generation.stop is StopReason.LATE:
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
        readers: list[openai_completions.Reader] = []

        def begin(tell: Callable[[str], None]) -> openai_completions.Reader:
            readers.append(openai_completions.Reader(tell))
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

    def _sayable(self, first: Ranked) -> bool:
        """Whether an alternative can begin with it: not with the end, and not with half a character."""
        if self._speech.exact:
            return self._tokenizer is None or self._tokenizer.token(first.number) != self.entry.fim.end
        return bool(first.text) and first.text != self.entry.fim.end and REPLACEMENT not in first.text

    def _closed(self) -> bool:
        return self._closing

    def _generation(
        self,
        form: CompletionForm,
        rules: Rules,
        ranking: list[Ranked],
        again: str = "",
    ) -> Generation | None:
        """One continuation; None when it was given up.

        Raises:
            _OtherwiseError: it does not begin with `again`, the end of the prefix, which was left out for it.
        """
        request = form.request
        form = replace(form, request=replace(request, prefix=request.prefix.removesuffix(again)))
        begun = form.first if form.first is not None and not self._speech.exact else None  # it is in the prompt
        answer = _Answer(rules.continuation, ranking, begun, again)
        readers: list[openai_completions.Reader] = []

        def begin(tell: Callable[[str], None]) -> openai_completions.Reader:
            readers.append(self._speech.reader(tell))
            return readers[-1]

        try:
            self._asked(lambda headers: self._speech.outgoing(form, headers), begin, rules.given_up, answer.hear)
        except GivenUpError:
            return None
        except _EnoughError:
            if answer.continuation.reason is StopReason.CANCELLED:
                return None
        decoded = readers[-1].decoded
        spent = decoded.end is StopReason.LENGTH
        return answer.continuation.finish(decoded.prompt_tokens, decoded.reused_tokens, spent=spent)

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
        connection, again = self._connection, True

        def given_up() -> bool:
            connection.check()
            return cancelled()

        while True:
            if self._closing:
                raise ModelError(f"The model {self.entry.name} was unloaded; choose a model again.")
            endpoint = connection.endpoint(cancelled)
            connection.asked()
            try:
                endpoint.exchange(
                    outgoing(connection.headers), openai_completions.authorize, begin, cancelled=given_up, on_text=hear
                )
            except ChatError as error:
                if error.fault not in _SILENCE:
                    connection.heard()
                if again and error.fault is Fault.UNREACHABLE and connection.lost(endpoint):
                    again = False
                elif not self._speech.refused(error):
                    raise self._failure(error, endpoint.url) from error
            except (_EnoughError, _OtherwiseError):
                connection.heard()
                raise
            else:
                connection.heard()
                return

    def _failure(self, error: ChatError, url: str) -> ModelError:
        """The error that a caller gets; of our host it tells by its kind whether there is one at all."""
        absent = self._speech.exact and not error.said and error.fault in {*_SILENCE, Fault.MALFORMED}
        return (HostError if absent else ModelError)(self._sentence(error, url))

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
_SILENCE = frozenset({Fault.UNREACHABLE, Fault.TIMEOUT, Fault.RESTING})
