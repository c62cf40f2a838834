"""For all tests: no network beyond this machine, and no GPU."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy one takes its time, which is no fault of the code
settings.load_profile("any machine")

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before anything loads CUDA; processes that tests start inherit it

# whoever starts the tests in the background may have Ctrl-C ignored, and what the tests start would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

LOOPBACK = {"127.0.0.1", "::1", "localhost", ""}


def _guarded(name: str, real: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family != getattr(socket, "AF_UNIX", None) and address[0] not in LOOPBACK:
            pytest.fail(f"a test reached for the network: {name} {address!r}")
        return real(self, address)

    return connect


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(name, getattr(socket.socket, name)))
        yield
