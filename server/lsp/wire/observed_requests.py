"""Counts, times and traces requests: what a person's monitoring learns of each. Start at `observe_request`."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException, JsonRpcInternalError

from agents.ports.tracing import open_span
from server.observation.figures import figures
from server.observation.ids import read_ids, set_ids

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pygls.protocol.json_rpc import MsgId


def observe_request(
    handle: Callable[[Any], Awaitable[Any]], name_request: Callable[[Any], str], get_id: Callable[[], MsgId | None]
) -> Callable[[Any], Awaitable[Any]]:
    """Return a wrapper of the handler `handle` that counts each request, and records it as the root of a trace.

    Args:
        handle: raises JsonRpcException only.
        name_request: returns the name under which a request with these parameters is counted.
        get_id: returns the id of the request that is being handled; None if there is none.
    """

    @functools.wraps(handle)
    async def answer(params: Any) -> Any:  # noqa: ANN401 (each method has its own)
        name, identity, begun, outcome = name_request(params), str(get_id()), time.perf_counter(), "cancelled"
        figures.add("starling_requests_running")
        try:
            set_ids(request=identity)  # for the task of this request alone
            with open_span(name, **read_ids()) as span:
                try:
                    result = await handle(params)
                    outcome = "ok"
                except JsonRpcInternalError:
                    outcome = "failed"
                    raise
                except JsonRpcException:
                    outcome = "error"
                    raise
                finally:
                    span.set(outcome=outcome)
            return result
        finally:
            figures.add("starling_requests_running", -1)
            figures.add("starling_requests_total", method=name, outcome=outcome)
            figures.observe("starling_request_seconds", time.perf_counter() - begun, method=name)

    return answer
