"""What an endpoint's refusal or silence means, as one sentence with a next step, and whether to try again.

Reads status, headers and body of any of the dialects; quotes at most a line of what the endpoint says itself. Start at
`of_status` and `of_failure`.
"""

from __future__ import annotations

import json
import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from models.chat import ChatError, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_QUOTE = 200  # characters
LONGEST_WORDS = 2000
LONGEST_REST_S = 24 * 3600.0  # that an endpoint can ask for; what it says beyond that is nonsense
_AGAIN = frozenset({Fault.UNREACHABLE, Fault.OVERLOADED, Fault.MALFORMED, Fault.RATE_LIMITED})
_FAULTS = {
    401: Fault.UNAUTHORIZED,
    403: Fault.UNAUTHORIZED,
    404: Fault.NOT_FOUND,
    408: Fault.OVERLOADED,
    413: Fault.TOO_LONG,
    425: Fault.OVERLOADED,
    429: Fault.RATE_LIMITED,
}
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|too (long|large|many tokens)|maximum.{0,20}tokens|prompt.{0,20}exceed",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(r"quota|billing|credit|balance", re.IGNORECASE)


def worth_retrying(error: ChatError) -> bool:
    """Whether the same request may succeed a little later."""
    return error.fault in _AGAIN


def of_status(url: str, status: int, headers: Mapping[str, str], body: str) -> ChatError:
    """The error behind a status other than 200; `headers` by lower-case names."""
    said, wait_s = quote(body), retry_after_s(headers)
    fault = _fault(status, said)
    sentences = {
        Fault.UNAUTHORIZED: f"does not accept the key{said}; name the right one in chat.keyEnv, chat.keyFile or "
        "chat.keyring.",
        Fault.NOT_FOUND: f"knows no such address or model{said}; look at chat.url, chat.model and chat.api.",
        Fault.UNPAID: f"wants to be paid first{said}; look at your account there.",
        Fault.TOO_LONG: f"says the conversation is too long{said}; set chat.contextTokens to what the model has.",
        Fault.RATE_LIMITED: f"has had too many requests{said}; try again "
        + (f"in {wait_s:.0f} s." if wait_s is not None else "in a while."),
        Fault.OVERLOADED: f"failed with status {status}{said}; try again later, or look at the server's own log.",
        Fault.REFUSED: f"refuses the request with status {status}{said}; look at chat.api and chat.model."
        if status >= 400
        else "sends on to another address, where no key of yours is taken; set chat.url to the address itself.",
    }
    error = ChatError(f"{url} {sentences[fault]}", fault, retry_s=wait_s)
    error.said = own_words(body)
    return error


def _fault(status: int, said: str) -> Fault:
    if status == 402 or (status == 429 and _NO_MONEY.search(said)):
        return Fault.UNPAID
    if status in {400, 422} and _TOO_LONG.search(said):
        return Fault.TOO_LONG
    if status >= 500 and status not in {501, 505}:
        return Fault.OVERLOADED
    return _FAULTS.get(status, Fault.REFUSED)


def of_event(event: Mapping[str, Any]) -> ChatError:
    """The error that an answer tells of after it began well."""
    said = quote(json.dumps(event))
    kind = json.dumps(event).lower()
    if _TOO_LONG.search(said):
        return ChatError(
            f"The conversation is too long{said}; set chat.contextTokens to what the model has.", Fault.TOO_LONG
        )
    limited = "rate_limit" in kind
    return ChatError(
        f"The endpoint failed while it answered{said}; try again later.",
        Fault.RATE_LIMITED if limited else Fault.OVERLOADED,
    )


def of_failure(url: str, error: Exception) -> ChatError:
    """The error behind a failed connection."""
    said = str(error).split("\n", 1)[0][:LONGEST_QUOTE] or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return ChatError(
            f"{url} shows a certificate that this machine does not trust; if it is your own authority's, name its file "
            "in chat.caFile.",
            Fault.REFUSED,
        )
    if "Proxy" in type(error).__name__:
        return ChatError(
            f"The proxy before {url} does not let the request through ({said}); look at chat.proxy.", Fault.UNREACHABLE
        )
    return ChatError(
        f"{url} cannot be reached ({said}); see whether the server runs and chat.url is right.", Fault.UNREACHABLE
    )


def of_malformed(url: str, what: str) -> ChatError:
    """The error behind an answer that is none."""
    return ChatError(f"{url} sent {what}; see whether chat.url and chat.api fit together.", Fault.MALFORMED)


def too_slow(url: str, what: str) -> ChatError:
    """The error behind a wait that ended."""
    return ChatError(
        f"{url} was too slow: {what}; try again, or raise chat.firstTokenS or chat.timeoutS.", Fault.TIMEOUT
    )


def quote(body: str) -> str:
    """What the endpoint says itself, as ` ("...")`; "" when it says nothing."""
    line = own_words(body)[:LONGEST_QUOTE].rstrip()
    return f' ("{line}")' if line else ""


def own_words(body: str) -> str:
    """What the endpoint says itself, in one line; "" when it says nothing."""
    try:
        said = _message(json.loads(body))
    except (ValueError, RecursionError):
        said = "" if "<" in body[:200] else body  # a page for people says nothing in its first line
    return " ".join(said.split())[:LONGEST_WORDS]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the endpoint asks to wait, by number or by date; None when it says nothing sensible."""
    said = headers.get("retry-after", "").strip()
    try:
        wait_s = float(said)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, OverflowError):  # the latter for a time zone that is none
            return None
    return min(max(0.0, wait_s), LONGEST_REST_S) if math.isfinite(wait_s) else None


def _message(said: Any) -> str:  # noqa: ANN401 (whatever an endpoint sends)
    """The sentence in an error's body, in any of the usual places."""
    for _ in range(4):
        if not isinstance(said, dict):
            break
        said = next((said[name] for name in ("error", "message", "detail") if said.get(name)), "")
    return said if isinstance(said, str) else json.dumps(said) if said else ""
