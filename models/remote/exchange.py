"""Records of exchanges with an endpoint: the request, the reader of the answer, timeouts, the state of an address.

Start at `Reader`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Patience:
    """Timeouts, in seconds, and the number of attempts.

    Attributes:
        first_token_s: until the first event; a local server may have to load its model first.
        idle_s: between two events.
        total_s: for one call, with all attempts and the waits between them.
        attempts: most attempts of one call.
        first_wait_s: before the second attempt; doubled before each further attempt, with jitter.
        longest_wait_s: bound of these waits; a time that the endpoint demands (`Retry-After`) may be longer.
        most_wait_s: longest time that an endpoint may demand; if it demands more, the call fails at once, so that
            another endpoint can be asked.
        requests_per_hour: most requests sent, each attempt counted; 0 for no limit.
    """

    first_token_s: float = 30.0
    idle_s: float = 30.0
    total_s: float = 120.0
    attempts: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0
    most_wait_s: float = math.inf
    requests_per_hour: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request in its dialect.

    Attributes:
        path: appended to the endpoint's URL.
        body: sent as JSON.
        headers: without the key.
    """

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostStatus:
    """State of one address.

    Attributes:
        url: the address.
        in_hand: requests under way.
        answered: requests answered.
        rest_s: seconds for which it is left out after failures; 0 for none.
        begins_s: average time until an answer began, in seconds; 0 before any answer.
        problem: why the last request failed; "" if it did not.
    """

    url: str
    in_hand: int
    answered: int
    rest_s: float
    begins_s: float
    problem: str


class Reader(Protocol):
    """A reader that assembles one answer from its events, in one dialect."""

    @property
    def started(self) -> bool:
        """Whether some part of the answer has arrived."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the answer is complete."""
        ...

    @property
    def settled(self) -> bool:
        """Whether only the usage and the end mark are missing, which some endpoints never send."""
        ...

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one event.

        Raises:
            ChatError: the event reports an error.
            KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError: the event is
                not of this dialect.
        """
        ...

    def skip_junk(self, *, lossy: bool) -> bool:
        """Skip input that is no event; return whether the answer is still usable.

        Args:
            lossy: whether a part of the answer may have been in it.
        """
        ...

    def close(self, *, broken: bool) -> None:
        """Finish the answer at the end of the stream; `ended` is true afterwards if the answer is complete.

        Args:
            broken: whether the stream was cut off.

        Raises:
            TypeError, ValueError, RecursionError: the parts of the answer do not fit together.
        """
        ...
