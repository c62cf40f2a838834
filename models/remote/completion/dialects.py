"""The dialects of completion servers: our own host, any server of OpenAI's API, llama.cpp, Ollama, TGI.

Knows no connection. Start at `CompletionDialect`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from models.chat import Fault
from models.errors import ModelError
from models.remote.completion import (
    llamacpp_completions,
    ollama_completions,
    openai_completions,
    tgi_completions,
)
from models.remote.exchange import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.catalog.catalog import ModelEntry
    from models.chat import ChatError
    from models.completion import FillRequest
    from models.host.protocol import CompletionRequest

NO_SUFFIX = ("suffix", "insert")  # words in errors of servers that refuse a suffix; Ollama writes "insert"
SMALLEST_WINDOW = 512  # tokens; a server that refuses such a prompt is not asked again
SPACES = re.compile(r"(?<=\S) +\Z")


class CompletionDialect(Protocol):
    """The form of requests to one kind of completion server, and what that server can do."""

    def write_request(self, form: CompletionRequest, headers: Mapping[str, str]) -> Outgoing:
        """Return the HTTP request for `form`, with `headers`."""
        ...

    def adapt(self, error: ChatError) -> bool:
        """Adapt the dialect to a server that sent `error`; return whether to write and send the request once more.

        Raises:
            ModelError: the server can never complete with this model.
        """
        ...

    def make_reader(self, report: Callable[[str], None]) -> openai_completions.Reader:
        """Return a reader of one answer, which passes messages to `report` (see `openai_completions.Reader`)."""
        ...

    def choose_withheld(self, request: FillRequest) -> str:
        """Return the end of the prefix to leave out, so that the answer begins with it (token healing); "" for none."""
        ...

    @property
    def exact(self) -> bool:
        """Whether the server returns scores, and names tokens by their ids."""
        ...


class HostDialect:
    """The dialect of our own host."""

    exact = True

    def write_request(self, form: CompletionRequest, headers: Mapping[str, str]) -> Outgoing:
        """Return the request with our extension, as `openai_completions.write_host_request` does."""
        return openai_completions.write_host_request(form, headers)

    def adapt(self, _: ChatError) -> bool:
        """Return False: the host accepts every field."""
        return False

    def make_reader(self, report: Callable[[str], None]) -> openai_completions.Reader:
        """Return a reader of one answer, which passes messages to `report`."""
        return openai_completions.Reader(report)

    def choose_withheld(self, _: FillRequest) -> str:
        """Return "": the host handles the end of the prefix itself."""
        return ""


@dataclass(slots=True)
class PlainDialect:
    """The dialect of any server with OpenAI's completions.

    Attributes:
        entry: the model, with its markers if they are known.
        markers: whether the markers are written into the prompt.
        without: fields that this server has refused.
    """

    entry: ModelEntry
    markers: bool
    without: frozenset[str] = field(default_factory=frozenset)
    exact: bool = False

    def write_request(self, form: CompletionRequest, headers: Mapping[str, str]) -> Outgoing:
        """Return the request with OpenAI's fields, less those that the server has refused."""
        made = openai_completions.write_request(form, self.entry, self.without, markers=self.markers)
        return Outgoing(made.path, made.body, headers)

    def make_reader(self, report: Callable[[str], None]) -> openai_completions.Reader:
        """Return a reader of one answer, which passes messages to `report`."""
        return openai_completions.Reader(report)

    def choose_withheld(self, request: FillRequest) -> str:
        """Return the spaces before the cursor that follow code: most tokenizers join them with the next word."""
        found = SPACES.search(request.prefix)
        return found[0] if found is not None else ""

    def adapt(self, error: ChatError) -> bool:
        """Adapt to `error`: leave out a refused field from now on, or write markers if a suffix is refused.

        Return whether that changed anything, so that the request is worth sending again.

        Raises:
            ModelError: the server refuses a suffix and the model's markers are unknown.
        """
        if error.fault is Fault.TOO_LONG:
            return self._shorten()
        if any(word in error.said for word in NO_SUFFIX) and not self.markers:
            if self.entry.fim.middle:
                self.markers = True
                return True
            raise make_unmarked_error(self.entry.name) from None
        named = next(
            (name for name in openai_completions.OPTIONAL if name in error.said and name not in self.without), None
        )
        if named is None or named == "suffix":
            return False
        self.without |= {named}
        return True

    def _shorten(self) -> bool:
        """Reduce the assumed window by a third from now on; return False if it would become too small.

        Tokens are estimated, and code with many short ones has more of them.
        """
        window = self.entry.context_tokens * 2 // 3
        if window < SMALLEST_WINDOW:
            return False
        self.entry = replace(self.entry, context_tokens=window)
        return True


class LlamaCppDialect(PlainDialect):
    """The dialect of llama.cpp's own server, which can lay out prefix and suffix itself."""

    def write_request(self, form: CompletionRequest, headers: Mapping[str, str]) -> Outgoing:
        """Return the request to `/infill`, or to `/v1/completions` if the model's markers are known."""
        made = llamacpp_completions.write_request(form, self.entry, self.without, markers=self.markers)
        return Outgoing(made.path, made.body, headers)

    def make_reader(self, report: Callable[[str], None]) -> openai_completions.Reader:
        """Return a reader of one answer, which passes messages to `report`."""
        return llamacpp_completions.Reader(report)

    def adapt(self, error: ChatError) -> bool:
        """Adapt to `error` as `PlainDialect` does.

        Raises:
            ModelError: the model has no markers, so that it cannot complete between two texts.
        """
        if "infill is not supported" in error.said.lower():
            raise ModelError(
                f"{self.entry.name} has no markers for text after the cursor; choose a model of code, such as those "
                "that `starling models list --available` shows."
            ) from None
        return super().adapt(error)


class TgiDialect(PlainDialect):
    """The dialect of TGI's own completions, whose prompts need the model's markers."""

    def write_request(self, form: CompletionRequest, headers: Mapping[str, str]) -> Outgoing:
        """Return the request with TGI's fields; without the likeliest tokens if the server has refused them.

        Raises:
            ModelError: the model's markers are unknown.
        """
        if not self.markers:
            raise make_unmarked_error(self.entry.name)
        made = tgi_completions.write_request(form, self.entry, self.without)
        return Outgoing(made.path, made.body, headers)

    def make_reader(self, report: Callable[[str], None]) -> openai_completions.Reader:
        """Return a reader of one answer, which passes messages to `report`."""
        return tgi_completions.Reader(report)

    def adapt(self, error: ChatError) -> bool:
        """Adapt to `error`: ask for no likely tokens if they are refused, else as `PlainDialect` does."""
        if "top_n_tokens" in error.said and "top_n_tokens" not in self.without:
            self.without |= {"top_n_tokens"}
            return True
        return super().adapt(error)


def make_unmarked_error(name: str) -> ModelError:
    """Return the error for a server that takes no suffix, and a model called `name` whose markers are unknown."""
    return ModelError(
        f"The server takes no suffix, and the markers of {name} are not known; name in `model.name` "
        "a model that `starling models list --available` shows, as the server calls it."
    )


class OllamaDialect(PlainDialect):
    """The dialect of Ollama's own completions, which return probabilities and take a context window."""

    def write_request(self, form: CompletionRequest, headers: Mapping[str, str]) -> Outgoing:
        """Return the request with Ollama's fields; without log-probabilities if the server has refused them."""
        made = ollama_completions.write_request(form, self.entry, self.without, markers=self.markers)
        return Outgoing(made.path, made.body, headers)

    def make_reader(self, report: Callable[[str], None]) -> openai_completions.Reader:
        """Return a reader of one answer, which passes messages to `report`."""
        return ollama_completions.Reader(report)
