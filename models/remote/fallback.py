"""A chain of chat models: asks them in order until one answers.

While an endpoint is failing, its circuit breaker (`models.remote.circuit`) rejects calls at once, so that the next
model is asked without a wait. Once text of an answer was shown, no other model is asked. Start at `FallbackChain.chat`.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault, Reply, ReplyEnd, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.chat import ChatModel, ChatRequest
    from models.remote.exchange import HostStatus

logger = logging.getLogger(__name__)

RENOTIFY_S = 600.0  # least time between two notices about the same change of model
CLOSED = "The chat model was switched off; ask again."


@dataclass(frozen=True, slots=True)
class Link:
    """One model of a chain.

    Attributes:
        chat: the model.
        location: where it is, for people: an address, or "this machine".
        list_hosts: returns the state of each of its addresses, if there are several; else ().
    """

    chat: ChatModel
    location: str
    list_hosts: Callable[[], tuple[HostStatus, ...]] = tuple

    @property
    def title(self) -> str:
        """Name and location of the model, for people."""
        return f"{self.chat.name} at {self.location}"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """State of one link of a chain.

    Attributes:
        model: the model's name.
        place: where it is, for people.
        answered: number of requests that it answered, from the cache too.
        last: whether it gave the chain's last answer.
        problem: why it did not answer when it was last asked; "" if it did.
        hosts: the state of each of its addresses, if there are several; else ().
    """

    model: str
    place: str
    answered: int
    last: bool
    problem: str
    hosts: tuple[HostStatus, ...] = ()


class FallbackChain:
    """A chat model that asks several; implements `models.chat.ChatModel`. Thread-safe."""

    def __init__(self, links: Sequence[Link], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a chain of `links`, at least one, in the order in which they are asked; `clock` returns seconds."""
        self.links = tuple(links)
        self._clock = clock
        self._lock = threading.Lock()
        self._last = 0  # index of the link that answered last
        self._answered = [0] * len(self.links)
        self._problems = [""] * len(self.links)
        self._notified_at: dict[tuple[int, int], float] = {}  # by the indexes of the former and the new link
        self._notify: Callable[[str], None] = lambda _: None
        self._closed = False

    def set_listener(self, notify: Callable[[str], None]) -> None:
        """Have `notify` called with a sentence, from any thread, when the chain falls back to a later link.

        For the same two links it is called at most once in `RENOTIFY_S` seconds.
        """
        self._notify = notify

    @property
    def name(self) -> str:
        """Name of the model that answered last; before any answer, of the first model."""
        return self.links[self._last].chat.name

    @property
    def context_tokens(self) -> int:
        """Context window of the model that answered last; before any answer, of the first model."""
        return self.links[self._last].chat.context_tokens

    def count_tokens(self, text: str) -> int:
        """Return the largest of the models' token counts for `text`, since any of the models may have to read it."""
        return max(link.chat.count_tokens(text) for link in self.links)

    def list_statuses(self) -> tuple[LinkStatus, ...]:
        """Return the state of each link, in order."""
        with self._lock:
            last = self._last if any(self._answered) else -1
            counted = zip(self.links, self._answered, self._problems, strict=True)
            return tuple(
                LinkStatus(link.chat.name, link.location, answered, place == last, problem, link.list_hosts())
                for place, (link, answered, problem) in enumerate(counted)
            )

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Ask one model after the other until one answers; the reply's usage is the sum of all models asked.

        A call that is cancelled when a model fails gets an empty cancelled reply.

        Raises:
            ChatError: no model answered, an answer broke off after text was shown, or the chain is closed; if several
                models failed, the message has all reasons, and the fault is the first model's.
        """
        shown = False

        def show(piece: str) -> None:
            """Pass `piece` to `on_text`, and record that text was shown."""
            nonlocal shown
            shown = True
            assert on_text is not None  # noqa: S101 (given only then)
            on_text(piece)

        failures: list[ChatError] = []
        usage = Usage()
        for place, link in enumerate(self.links):
            try:
                self._check_window(link, request, first=place == 0)
                reply = link.chat.chat(request, cancelled=cancelled, on_text=None if on_text is None else show)
            except ChatError as error:
                usage += error.usage
                failures.append(error)
                self._record_failure(place, error)
                if shown or error.fault is Fault.CLOSED:
                    raise _replace_usage(error, usage) from None
                if cancelled():
                    return Reply("", ReplyEnd.CANCELLED, usage=usage)
            else:
                self._record_answer(place, failures, reply)
                return replace(reply, usage=usage + reply.usage)
        raise self._merge_failures(failures, usage)

    def close(self) -> None:
        """Close all models."""
        self._closed = True
        for link in self.links:
            link.chat.close()

    def _check_window(self, link: Link, request: ChatRequest, *, first: bool) -> None:
        """Check that the chain is not closed and, except for the first link, that `request` fits the link's window.

        Raises:
            ChatError: the chain is closed, or the request is too long.
        """
        if self._closed:
            raise ChatError(CLOSED, Fault.CLOSED)
        if first:
            return
        prompt_tokens = sum(link.chat.count_tokens(message.text) for message in request.messages)
        if prompt_tokens + request.max_tokens > link.chat.context_tokens:
            raise ChatError(
                f"The conversation is too long for {link.title}, which takes {link.chat.context_tokens:,} tokens.",
                Fault.TOO_LONG,
            )

    def _record_failure(self, place: int, error: ChatError) -> None:
        """Record why the link at `place` did not answer."""
        with self._lock:
            self._problems[place] = str(error)

    def _record_answer(self, place: int, failures: Sequence[ChatError], reply: Reply) -> None:
        """Record that the link at `place` answered; a cancelled reply is ignored.

        If an earlier link gave the previous answer, notify the listener, at most once in `RENOTIFY_S` for the same two
        links.
        """
        if reply.end is ReplyEnd.CANCELLED:
            return
        with self._lock:
            before, self._last = self._last, place
            self._answered[place] += 1
            if not reply.cached:
                self._problems[place] = ""
            now, move = self._clock(), (before, place)
            last_s = self._notified_at.get(move, now - 2 * RENOTIFY_S)
            quiet = place <= before or now - last_s < RENOTIFY_S
            if not quiet:
                self._notified_at[move] = now
        if place == before:
            return
        logger.info("chat answered by another", extra={"from": self.links[before].title, "to": self.links[place].title})
        if not quiet:
            self._notify(f"{self.links[place].title} answers instead of {self.links[0].chat.name}. {failures[0]}")

    def _merge_failures(self, failures: Sequence[ChatError], usage: Usage) -> ChatError:
        """Return one error for the failures of all links, with the usage of all."""
        first = failures[0]
        if len(failures) == 1:
            return _replace_usage(first, usage)
        error = ChatError(
            f"None of the {len(failures)} chat models answered. " + " ".join(dict.fromkeys(map(str, failures))),
            first.fault,
            retry_s=min((one.retry_s for one in failures if one.retry_s is not None), default=None),
            partial=max((one.partial for one in failures), key=len),
            usage=usage,
        )
        error.said = first.said
        return error


def _replace_usage(error: ChatError, usage: Usage) -> ChatError:
    """Return a copy of `error` with another usage."""
    copied = ChatError(str(error), error.fault, retry_s=error.retry_s, partial=error.partial, usage=usage)
    copied.said = error.said
    return copied
