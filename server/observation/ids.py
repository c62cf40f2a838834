"""The ids that log records of a request carry: of the request, the session and the user, where they are known.

They are set for the code of a `with` block, and in the tasks and threads that it starts with its
context. Start at `bind` and `add_ids`.
"""

from __future__ import annotations

import contextlib
import contextvars
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping

NAMES = ("request", "session", "user")
LONGEST = 100

_ids: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("starling_ids")


@contextlib.contextmanager
def bind(*, request: str = "", session: str = "", user: str = "") -> Iterator[None]:
    """Have log records carry these ids as long as the `with` block lasts; "" leaves an id as it is."""
    token = set_ids(request=request, session=session, user=user)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # a generator that is closed in another context
            _ids.reset(token)


def set_ids(*, request: str = "", session: str = "", user: str = "") -> contextvars.Token[Mapping[str, str]]:
    """Have log records of this context carry these ids from now on; "" leaves an id as it is. Returns a reset token."""
    given = {"request": request, "session": session, "user": user}
    return _ids.set({**_ids.get({}), **{name: value[:LONGEST] for name, value in given.items() if value}})


def read_ids() -> Mapping[str, str]:
    """Return the ids that are known here, by name."""
    return _ids.get({})


def add_ids(record: logging.LogRecord) -> bool:
    """Add the known ids to a log record that has none of that name; return True. A filter for handlers."""
    for name, value in _ids.get({}).items():
        if not hasattr(record, name):
            setattr(record, name, value)
    return True
