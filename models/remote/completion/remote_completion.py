"""The completion model at an address: our own host, or any server with OpenAI's `/v1/completions`.

Stop rules are applied here, token by token; closing the connection makes the server stop. The dialect
(`models.remote.completion.dialects`) writes the request: our host gets all of its fields and returns scores; another
server (llama.cpp, vLLM, Ollama) gets a prompt with the model's markers if they are known, else prompt and suffix. An
alternative begins with another likely first token. Start at `RemoteModel.generate`.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models.chat import ChatError, Fault
from models.completion import FillRequest, Generation, RankedToken, StopReason
from models.continuation import Continuation, StopRules, compute_deadline
from models.errors import HostError, ModelError
from models.host.protocol import EXTENSION, CompletionRequest, PlacementSettings, read_score
from models.local.ctranslate_completion import LEAST_ALTERNATIVE
from models.remote.completion import openai_completions
from models.remote.exchange import Outgoing
from models.remote.http import GivenUpError
from models.remote.providers.context_windows import estimate_tokens
from models.tokenizer import REPLACEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import Score
    from models.host.connection import Connection
    from models.remote.completion.dialects import CompletionDialect
    from models.remote.exchange import HostStatus
    from models.tokenizer import Tokenizer

NOTHING = (Generation("", (), StopReason.CANCELLED),)


class _StopError(Exception):
    """A stop rule ended the generation, so the connection is closed."""


class _MismatchError(Exception):
    """The answer does not begin with the end of the prefix that was withheld."""


class _Answer:
    """One answer, built from the messages of an `openai_completions.Reader`.

    Args:
        restart: returns an empty continuation.
        ranking: list to which the likely first tokens are added.
        begun: the first token, if it is already in the prompt; else None.
        withheld: end of the prefix that was not sent; the answer has to begin with it.

    Attributes:
        continuation: the text so far, without `withheld`.
    """

    def __init__(
        self, restart: Callable[[], Continuation], ranking: list[RankedToken], begun: RankedToken | None, withheld: str
    ) -> None:
        self.continuation = restart()
        self._restart = restart
        self._ranking = ranking
        self._begun = begun
        self._withheld = withheld

    def receive(self, piece: str) -> None:
        """Process one JSON message of the answer.

        "begin" starts an attempt and discards the text and the ranking of an earlier one, an object adds to the
        ranking, and a list is the whole text so far with its log-probability.

        Raises:
            _StopError: a stop rule ends the generation.
            _MismatchError: the text does not begin with the withheld end of the prefix.
        """
        message = json.loads(piece)
        begun = self._begun
        if message == "begin":  # also of another attempt, which discards the text so far
            self.continuation = self._restart()
            self._ranking.clear()
            if begun is not None:
                self._take(begun.text, begun.log_prob)
        elif isinstance(message, dict):
            self._ranking.extend(openai_completions.read_ranking(message["ranking"]))
        else:
            self._take((begun.text if begun is not None else "") + message[0], message[1])

    def _take(self, text: str, log_prob: float | None) -> None:
        """Add one token to the continuation, unless the text is still within `withheld`; raise as `receive` does.

        Args:
            text: the whole text so far, `withheld` included.
            log_prob: log-probability of the last token; None if unknown.
        """
        if not text.startswith(self._withheld):
            if self._withheld.startswith(text):
                return  # it has not arrived as a whole
            raise _MismatchError
        if self.continuation.add(text.removeprefix(self._withheld), log_prob):
            raise _StopError


class RemoteModel:
    """A model at an address; implements `models.completion.CompletionModel`. Thread-safe.

    Attributes:
        entry: the model's catalog entry.
        traits: the server's report of its computation, from `load` ("device", "compute_type", "threads").
    """

    def __init__(
        self,
        entry: ModelEntry,
        connection: Connection,
        dialect: CompletionDialect,
        *,
        placing: PlacementSettings | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        self.entry = entry
        self.traits: Mapping[str, Any] = {}
        self._problems: tuple[str, ...] = ()
        self._connection = connection
        self._dialect = dialect
        self._placing = placing or PlacementSettings()
        self._tokenizer = tokenizer
        self._closing = False

    @property
    def problems(self) -> tuple[str, ...]:
        """Deviations from the configuration, and the server's current problem; one sentence each."""
        return (*self._problems, *filter(None, (self._connection.problem,)))

    def list_hosts(self) -> tuple[HostStatus, ...]:
        """Return the state of each address of the server, if it has several; else ()."""
        return self._connection.list_hosts()

    def set_listener(self, notify: Callable[[str], None]) -> None:
        """Have `notify` called, from any thread, with each later problem of the server, one sentence for a person."""
        self._connection.set_listener(notify)

    @property
    def device(self) -> str:
        """Device of the server; "elsewhere" if it does not report one."""
        return str(self.traits.get("device", "elsewhere"))

    @property
    def compute_type(self) -> str:
        """Compute type of the server; "" if it does not report one."""
        return str(self.traits.get("compute_type", ""))

    @property
    def threads(self) -> int:
        """Number of the server's threads; 0 if it does not report one."""
        return int(self.traits.get("threads", 0))

    @property
    def measuring_s(self) -> float | None:
        """Seconds that the host spent on measuring while it loaded the model; None if it was in memory before."""
        seconds = self.traits.get("measuring_s")
        return float(seconds) if isinstance(seconds, int | float) else None

    def load(self) -> None:
        """Ask our own host to load the model, wait until it is loaded, and store the host's report in `traits`.

        Raises:
            ModelError: it cannot be loaded.
            GivenUpError: `close` was called meanwhile.
        """
        form = CompletionRequest(self.entry.name, _NONE, placing=self._placing)
        placement = form.make_body()[EXTENSION]["placement"]
        reader = openai_completions.ObjectReader()
        body = {"model": self.entry.name, "placement": placement}
        self._exchange(
            lambda headers: Outgoing("/starling/load", body, headers), lambda _: reader, self._is_closing, None
        )
        self._problems = tuple(map(str, reader.found.get("problems") or ()))
        self.traits = {
            name: reader.found[name]
            for name in ("device", "compute_type", "threads", "measuring_s")
            if name in reader.found
        }

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in `text`; an upper estimate if the model's tokenizer is not on this machine."""
        return self._tokenizer.count(text) if self._tokenizer is not None else estimate_tokens(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Complete `request`; see `models.completion.CompletionModel.generate`."""
        ranking: list[RankedToken] = []
        deadline = compute_deadline(request.budget_ms)
        ranked = alternatives + 1 if alternatives > 1 else 1
        form = CompletionRequest(
            self.entry.name, request, stream=True, log_probs=True, ranked=ranked, placing=self._placing
        )
        withheld = self._dialect.choose_withheld(request)
        try:
            best = self._generate_one(
                form, StopRules(stop, cancelled, deadline if request.ends_late else math.inf), ranking, withheld
            )
        except _MismatchError:
            withheld = ""
            best = self._generate_one(
                form, StopRules(stop, cancelled, deadline if request.ends_late else math.inf), ranking
            )
        if best is None:
            return NOTHING
        found = [best]
        for first in ranking[1:]:
            left_ms = (deadline - time.monotonic()) * 1000
            if len(found) >= alternatives or first.log_prob < LEAST_ALTERNATIVE or left_ms <= 0:
                break
            if not self._can_begin_with(first):
                continue
            left = request if math.isinf(left_ms) else replace(request, budget_ms=left_ms)
            other = CompletionRequest(
                self.entry.name, left, stream=True, log_probs=True, first=first, placing=self._placing
            )
            try:
                generation = self._generate_one(
                    other, StopRules(stop, cancelled, deadline if request.ends_late else math.inf), [], withheld
                )
            except _MismatchError:
                continue
            if generation is None or generation.stop is StopReason.LATE:
                break
            if all(generation.text != earlier.text for earlier in found):
                found.append(generation)
        return tuple(found)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Score `continuations`; return () if the server cannot. See `models.completion.CompletionModel.score`."""
        if not continuations or not self._dialect.exact or cancelled():
            return ()
        form = CompletionRequest(self.entry.name, request, score=tuple(continuations), placing=self._placing)
        readers: list[openai_completions.Reader] = []

        def make_reader(report: Callable[[str], None]) -> openai_completions.Reader:
            readers.append(openai_completions.Reader(report))
            return readers[-1]

        try:
            self._exchange(lambda headers: self._dialect.write_request(form, headers), make_reader, cancelled, None)
        except GivenUpError:
            return ()
        scores = zip(continuations, readers[-1].scores, strict=False)
        return tuple(read_score(text, score) for text, score in scores)

    def close(self) -> None:
        """Cancel running requests and close the connection; the server keeps the model loaded."""
        self._closing = True
        self._connection.close()

    def _can_begin_with(self, first: RankedToken) -> bool:
        """Return whether an alternative can begin with `first`: neither the end token nor a part of a character."""
        if self._dialect.exact:
            return self._tokenizer is None or self._tokenizer.find_token(first.number) != self.entry.fim.end
        return bool(first.text) and first.text != self.entry.fim.end and REPLACEMENT not in first.text

    def _is_closing(self) -> bool:
        """Return whether `close` was called."""
        return self._closing

    def _generate_one(
        self,
        form: CompletionRequest,
        rules: StopRules,
        ranking: list[RankedToken],
        withheld: str = "",
    ) -> Generation | None:
        """Return one continuation; None if the caller cancelled.

        Args:
            form: the request.
            rules: the rules that end the continuation.
            ranking: list to which the likely first tokens are added.
            withheld: end of the prefix that is not sent, so that the server generates it again.

        Raises:
            _MismatchError: the answer does not begin with `withheld`.
            ModelError: no answer came.
        """
        request = form.request
        form = replace(form, request=replace(request, prefix=request.prefix.removesuffix(withheld)))
        begun = None if self._dialect.exact else form.first  # other servers than our host get it in the prompt
        answer = _Answer(rules.start_continuation, ranking, begun, withheld)
        readers: list[openai_completions.Reader] = []

        def make_reader(report: Callable[[str], None]) -> openai_completions.Reader:
            readers.append(self._dialect.make_reader(report))
            return readers[-1]

        try:
            self._exchange(
                lambda headers: self._dialect.write_request(form, headers),
                make_reader,
                rules.is_cancelled,
                answer.receive,
                form.request.path,
            )
        except GivenUpError:
            return None
        except _StopError:
            if answer.continuation.reason is StopReason.CANCELLED:
                return None
        decoded = readers[-1].decoded
        spent = decoded.end is StopReason.LENGTH
        return answer.continuation.finish(decoded.prompt_tokens, decoded.reused_tokens, spent=spent)

    def _exchange(
        self,
        write_request: Callable[[Mapping[str, str]], Outgoing],
        make_reader: Callable[[Callable[[str], None]], Any],
        cancelled: Callable[[], bool],
        on_message: Callable[[str], None] | None,
        affinity: str = "",
    ) -> None:
        """Send a request and read its answer; send it again to a restarted host, or if the dialect adapts to a refusal.

        Args:
            write_request: returns the request with given headers; called for each attempt.
            make_reader: as in `models.remote.endpoint.Endpoint.exchange`.
            cancelled: polled while waiting; true ends the exchange.
            on_message: called with each message of the reader.
            affinity: name of the document.

        Raises:
            GivenUpError: `cancelled` returned true.
            ModelError: no answer came.
        """
        connection, may_retry = self._connection, True

        def has_given_up() -> bool:
            """Return whether the caller cancelled; raise SilentHostError if the host hangs."""
            connection.check()
            return cancelled()

        while True:
            if self._closing:
                raise ModelError(f"The model {self.entry.name} was unloaded; choose a model again.")
            endpoint = connection.connect(cancelled)
            connection.note_request()
            try:
                endpoint.exchange(
                    write_request(connection.headers),
                    openai_completions.make_auth_headers,
                    make_reader,
                    cancelled=has_given_up,
                    on_text=on_message,
                    affinity=affinity,
                )
            except ChatError as error:
                if error.fault not in _SILENCE:
                    connection.note_answer()
                if may_retry and error.fault is Fault.UNREACHABLE and connection.discard(endpoint):
                    may_retry = False
                elif not self._dialect.adapt(error):
                    raise self._translate_error(error, endpoint.url) from error
            except (_StopError, _MismatchError):
                connection.note_answer()
                raise
            else:
                connection.note_answer()
                return

    def _translate_error(self, error: ChatError, url: str) -> ModelError:
        """Return the error for the caller: HostError if our own host did not answer, else ModelError."""
        absent = self._dialect.exact and not error.said and error.fault in {*_SILENCE, Fault.MALFORMED}
        return (HostError if absent else ModelError)(self._write_message(error, url))

    def _write_message(self, error: ChatError, url: str) -> str:
        """Return the message of `error` for a person; a message of our own host unchanged."""
        if self._dialect.exact and error.said:
            return error.said
        name = self.entry.name
        quoted = f' ("{error.said[:200]}")' if error.said else ""
        if error.fault is Fault.UNREACHABLE:
            return f"{url} cannot be reached; see whether the server runs and `model.host` is right."
        if error.fault is Fault.NOT_FOUND:
            return f"{url} knows no model {name}, or completes no code{quoted}; look at `model.host` and `model.name`."
        if error.fault is Fault.RESTING:
            return str(error)
        return f"{url} did not complete code with {name}{quoted}: {error.fault.value}; look at the server's own log."


_NONE = FillRequest("", "", "")
_SILENCE = frozenset({Fault.UNREACHABLE, Fault.TIMEOUT, Fault.RESTING})
