"""What is said to a completion server, and what it can do: our own host, any server of OpenAI's API, Ollama.

Knows no connection. Start at `Speech`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from models.errors import ModelError
from models.remote.completion import ollama_completions, openai_completions
from models.remote.endpoint import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.catalog.catalog import ModelEntry
    from models.chat import ChatError
    from models.completion import FillRequest
    from models.host.protocol import CompletionForm

NO_SUFFIX = ("suffix", "insert")  # Ollama's word for it
SPACES = re.compile(r"(?<=\S) +\Z")


class Speech(Protocol):
    """What is said to the other side, and what it can do."""

    def outgoing(self, form: CompletionForm, headers: Mapping[str, str]) -> Outgoing:
        """A request as it is sent."""
        ...

    def refused(self, error: ChatError) -> bool:
        """Whether another `outgoing` leaves out what the server did not take."""
        ...

    def reader(self, tell: Callable[[str], None]) -> openai_completions.Reader:
        """What reads one answer."""
        ...

    def again(self, request: FillRequest) -> str:
        """The end of the prefix that is left for the other side to say again, "" for nothing."""
        ...

    @property
    def exact(self) -> bool:
        """Whether scores can be had, and tokens told by their numbers."""
        ...


class HostSpeech:
    """To our host."""

    exact = True

    def outgoing(self, form: CompletionForm, headers: Mapping[str, str]) -> Outgoing:
        """All of the request."""
        return openai_completions.extended(form, headers)

    def refused(self, _: ChatError) -> bool:
        """It takes all of it."""
        return False

    def reader(self, tell: Callable[[str], None]) -> openai_completions.Reader:
        """What reads one answer."""
        return openai_completions.Reader(tell)

    def again(self, _: FillRequest) -> str:
        """The host sees to it."""
        return ""


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
        made = openai_completions.plain(form, self.entry, self.without, markers=self.markers)
        return Outgoing(made.path, made.body, headers)

    def reader(self, tell: Callable[[str], None]) -> openai_completions.Reader:
        """What reads one answer."""
        return openai_completions.Reader(tell)

    def again(self, request: FillRequest) -> str:
        """Spaces before the cursor, behind code: to most tokenizers they are a part of the word that follows."""
        found = SPACES.search(request.prefix)
        return found[0] if found is not None else ""

    def refused(self, error: ChatError) -> bool:
        """Whether the server names something that can be left out: probabilities, but never a suffix."""
        if any(word in error.said for word in NO_SUFFIX) and not self.markers:
            if self.entry.fim.middle:
                self.markers = True
                return True
            raise ModelError(
                f"The server takes no suffix, and the markers of {self.entry.name} are not known; name in `model.name` "
                "a model that `starling models list --available` shows, as the server calls it."
            ) from None
        named = next(
            (name for name in openai_completions.OPTIONAL if name in error.said and name not in self.without), None
        )
        if named is None or named == "suffix":
            return False
        self.without |= {named}
        return True


class OllamaSpeech(PlainSpeech):
    """To Ollama, by its own completions, which tell probabilities and take a window."""

    def outgoing(self, form: CompletionForm, headers: Mapping[str, str]) -> Outgoing:
        """What Ollama understands."""
        made = ollama_completions.outgoing(form, self.entry, self.without, markers=self.markers)
        return Outgoing(made.path, made.body, headers)

    def reader(self, tell: Callable[[str], None]) -> openai_completions.Reader:
        """What reads one answer."""
        return ollama_completions.Reader(tell)
