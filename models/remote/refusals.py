"""ChatErrors for refused, failed, malformed and late answers: the fault, and one sentence with a next step.

Reads status, headers and body of every dialect; quotes at most one line of the endpoint's own message. Start at
`explain_status` and `explain_exception`.
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
LONGEST_MESSAGE = 2000  # characters
LONGEST_REST_S = 24 * 3600.0  # upper bound of the wait an endpoint can ask for
_TRANSIENT = frozenset({Fault.UNREACHABLE, Fault.OVERLOADED, Fault.MALFORMED, Fault.RATE_LIMITED})
_FAULTS = {
    401: Fault.UNAUTHORIZED,
    403: Fault.UNAUTHORIZED,
    404: Fault.NOT_FOUND,
    408: Fault.OVERLOADED,
    413: Fault.TOO_LONG,
    424: Fault.OVERLOADED,  # TGI's, for a failed generation
    425: Fault.OVERLOADED,
    429: Fault.RATE_LIMITED,
}
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|too (long|large|many tokens)|maximum.{0,20}tokens|prompt.{0,20}exceed"
    r"|inputs.{0,40}(tokens.{0,40} must be <=|must have less than)",  # TGI's
    re.IGNORECASE,
)
_NO_MONEY = re.compile(r"quota|billing|credit|balance", re.IGNORECASE)


def is_worth_retrying(error: ChatError) -> bool:
    """Return whether the same request may succeed a little later."""
    return error.fault in _TRANSIENT


def explain_status(url: str, status: int, headers: Mapping[str, str], body: str) -> ChatError:
    """Return the error for a response whose status is not 200.

    Args:
        url: the endpoint's URL.
        status: the HTTP status.
        headers: the response's headers, by lower-case names.
        body: the response's body, or its beginning.
    """
    quoted, wait_s = quote_message(body), read_retry_after_s(headers)
    fault = _classify_status(status, quoted)
    sentences = {
        Fault.UNAUTHORIZED: f"does not accept the key{quoted}; name the right one in chat.keyEnv, chat.keyFile or "
        "chat.keyring.",
        Fault.NOT_FOUND: f"has no such address or model{quoted}; look at chat.url, chat.model and chat.api.",
        Fault.UNPAID: f"asks for payment{quoted}; look at your account there.",
        Fault.TOO_LONG: f"says the conversation is too long{quoted}; set chat.contextTokens to what the model has.",
        Fault.RATE_LIMITED: f"has had too many requests{quoted}; try again "
        + (f"in {wait_s:.0f} s." if wait_s is not None else "in a while."),
        Fault.OVERLOADED: f"failed with status {status}{quoted}; try again later, or look at the server's own log.",
        Fault.REFUSED: f"refuses the request with status {status}{quoted}; look at chat.api and chat.model."
        if status >= 400
        else "redirects to another address, and a key is never sent on; set chat.url to the address itself.",
    }
    error = ChatError(f"{url} {sentences[fault]}", fault, retry_s=wait_s)
    error.said = extract_message(body)
    return error


def _classify_status(status: int, quoted: str) -> Fault:
    """Return the fault for the HTTP status `status` and the endpoint's own message `quoted`."""
    if status == 402 or (status == 429 and _NO_MONEY.search(quoted)):
        return Fault.UNPAID
    if status in {400, 422} and _TOO_LONG.search(quoted):
        return Fault.TOO_LONG
    if status >= 500 and status not in {501, 505}:
        return Fault.OVERLOADED
    return _FAULTS.get(status, Fault.REFUSED)


def explain_error_event(event: Mapping[str, Any]) -> ChatError:
    """Return the error for an error event in an answer that began with status 200."""
    quoted = quote_message(json.dumps(event))
    kind = json.dumps(event).lower()
    if _TOO_LONG.search(quoted):
        return ChatError(
            f"The conversation is too long{quoted}; set chat.contextTokens to what the model has.", Fault.TOO_LONG
        )
    limited = "rate_limit" in kind
    return ChatError(
        f"The endpoint failed while it answered{quoted}; try again later.",
        Fault.RATE_LIMITED if limited else Fault.OVERLOADED,
    )


def explain_exception(url: str, error: Exception) -> ChatError:
    """Return the error for a connection that failed with `error`."""
    message = str(error).split("\n", 1)[0][:LONGEST_QUOTE] or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in message:
        return ChatError(
            f"{url} shows a certificate that this machine does not trust; if it is your own authority's, name its file "
            "in chat.caFile.",
            Fault.REFUSED,
        )
    if "Proxy" in type(error).__name__:
        return ChatError(
            f"The proxy before {url} does not let the request through ({message}); look at chat.proxy.",
            Fault.UNREACHABLE,
        )
    return ChatError(
        f"{url} cannot be reached ({message}); see whether the server runs and chat.url is right.", Fault.UNREACHABLE
    )


def explain_malformed(url: str, what: str) -> ChatError:
    """Return the error for an unreadable answer; `what` describes what the endpoint sent, as the end of "sent ..."."""
    return ChatError(f"{url} sent {what}; see whether chat.url and chat.api fit together.", Fault.MALFORMED)


def explain_timeout(url: str, what: str) -> ChatError:
    """Return the error for a timeout; `what` is a clause like "nothing came for 30 s"."""
    return ChatError(
        f"{url} was too slow: {what}; try again, or raise chat.firstTokenS or chat.timeoutS.", Fault.TIMEOUT
    )


def quote_message(body: str) -> str:
    """Return the first 200 characters of the endpoint's message in `body`, as ` ("...")`; "" if there is none."""
    line = extract_message(body)[:LONGEST_QUOTE].rstrip()
    return f' ("{line}")' if line else ""


def extract_message(body: str) -> str:
    """Return the endpoint's own message in `body`, on one line; "" for HTML or if there is none.

    A body that is neither JSON nor HTML is the message itself.
    """
    try:
        message = _find_message(json.loads(body))
    except (ValueError, RecursionError):
        message = "" if "<" in body[:200] else body  # the first line of an HTML page is no message
    return " ".join(message.split())[:LONGEST_MESSAGE]


def read_retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait by the header Retry-After, a number or a date; None if it is missing or malformed.

    At most `LONGEST_REST_S`.
    """
    value = headers.get("retry-after", "").strip()
    try:
        wait_s = float(value)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):  # OverflowError for an impossible time zone
            return None
    return min(max(0.0, wait_s), LONGEST_REST_S) if math.isfinite(wait_s) else None


def _find_message(value: Any) -> str:  # noqa: ANN401 (whatever an endpoint sends)
    """Return the message in an error's JSON body, under any of the usual names; "" if there is none."""
    for _ in range(4):
        if not isinstance(value, dict):
            break
        value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), "")
    return value if isinstance(value, str) else json.dumps(value) if value else ""
