"""Silence of a host that owes an answer, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.errors import SilentHostError
from models.host.hang_detector import SILENT_S, HangDetector

if TYPE_CHECKING:
    from collections.abc import Callable


class World:
    """A host, a clock, and looks that are made when a test says so."""

    def __init__(self) -> None:
        self.now, self.lives = 0.0, False
        self.looks: list[Callable[[], None]] = []
        self.pulse = HangDetector(lambda: self.lives, clock=lambda: self.now, run_in_background=self.looks.append)

    def look(self) -> None:
        self.looks.pop()()

    def hangs(self) -> bool:
        try:
            self.pulse.check()
        except SilentHostError:
            return True
        return False


def test_a_host_that_owes_nothing_is_left_alone() -> None:
    world = World()
    world.now = 100.0
    assert not world.hangs()
    world.pulse.note_request()
    world.pulse.note_answer()
    world.now = 200.0
    assert not world.hangs()
    assert world.looks == []


def test_after_a_short_silence_it_is_asked_for_a_sign_of_life_and_found_to_hang() -> None:
    world = World()
    world.pulse.note_request()
    world.now = SILENT_S
    assert not world.hangs()
    assert world.looks == []
    world.now = SILENT_S + 0.1
    assert not world.hangs()
    assert not world.hangs()
    assert len(world.looks) == 1
    world.look()
    with pytest.raises(SilentHostError, match="kill -CONT"):
        world.pulse.check()


def test_requests_that_were_given_up_count() -> None:
    world = World()
    for key in range(20):
        world.now = key * 0.1
        world.pulse.note_request()
        world.hangs()
    assert len(world.looks) == 1


def test_a_host_that_loads_for_minutes_is_not_given_up() -> None:
    world = World()
    world.lives = True
    world.pulse.note_request()
    for second in range(1, 300):
        world.now = second * 1.1
        assert not world.hangs()
        while world.looks:
            world.look()


def test_an_answer_during_the_look_settles_it() -> None:
    world = World()
    world.pulse.note_request()
    world.now = SILENT_S + 0.1
    world.hangs()
    world.pulse.note_answer()
    world.look()
    assert not world.hangs()


def test_who_asks_a_while_later_waits_for_another_look() -> None:
    world = World()
    world.pulse.note_request()
    world.now = SILENT_S + 0.1
    world.hangs()
    world.look()
    assert world.hangs()
    world.now += SILENT_S + 0.1
    world.lives = True
    world.pulse.note_request()
    assert not world.hangs()
    world.look()
    assert not world.hangs()
