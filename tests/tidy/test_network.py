"""Invariant 10: a test that reaches for the network fails."""

from __future__ import annotations

import os
import socket

import pytest


def test_a_test_cannot_reach_beyond_this_machine() -> None:
    with socket.socket() as outside, pytest.raises(pytest.fail.Exception, match="reached for the network"):
        outside.connect(("192.0.2.1", 9))  # an address reserved for documentation


def test_a_test_sees_no_gpu() -> None:
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
