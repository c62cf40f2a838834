from __future__ import annotations

import pytest

from agents.completion.statistics import Recorder, compute_percentile
from agents.suggestions import Completion, Origin, Suggestion


def record_suggestion(recorder: Recorder, identity: str, text: str = "abs(x)", origin: Origin = Origin.MODEL) -> None:
    """Record an answer with one suggestion that has the id `identity`."""
    suggestion = Suggestion(identity, text, 0, 0, origin, 0.9)
    recorder.record_answer("file:///a.py", Completion((suggestion,), model_ms=30.0, total_ms=40.0))


def test_answers_are_counted_with_their_times() -> None:
    recorder = Recorder()
    record_suggestion(recorder, "s1")
    recorder.record_answer("file:///a.py", Completion((), "unsure", total_ms=2.0))
    found = recorder.compute_statistics()
    assert (found.requests, found.answered, found.empty, found.by_origin) == (2, 1, {"unsure": 1}, {"model": 1})
    assert (found.model_p50_ms, found.total_p95_ms, found.overhead_p95_ms) == (30.0, 40.0, 10.0)


def test_a_suggestion_shown_many_times_while_typing_counts_once() -> None:
    recorder = Recorder()
    record_suggestion(recorder, "s1")
    recorder.record_shown("s1")
    recorder.record_shown("s1")
    assert recorder.compute_statistics().shown == 1


def test_accepting_a_part_and_accepting_the_whole_are_counted_apart() -> None:
    recorder = Recorder()
    record_suggestion(recorder, "s1")
    recorder.record_accepted("s1", 3)
    recorder.record_accepted("s1", None)
    found = recorder.compute_statistics()
    assert (found.partly_accepted, found.accepted, found.characters_accepted) == (1, 1, 6)


def test_characters_accepted_word_by_word_are_counted_once() -> None:
    recorder = Recorder()
    record_suggestion(recorder, "s1")
    recorder.record_accepted("s1", 3)
    recorder.record_accepted("s1", 5)
    recorder.record_accepted("s1", 4)
    found = recorder.compute_statistics()
    assert (found.partly_accepted, found.accepted, found.characters_accepted) == (1, 0, 5)
    recorder.record_accepted("s1", None)
    found = recorder.compute_statistics()
    assert (found.partly_accepted, found.accepted, found.characters_accepted) == (1, 1, 6)


def test_a_whole_suggestion_counts_as_accepted_once() -> None:
    recorder = Recorder()
    record_suggestion(recorder, "s1")
    recorder.record_accepted("s1", None)
    recorder.record_accepted("s1", None)
    assert recorder.compute_statistics().accepted == 1


@pytest.mark.parametrize("length", [-5, 0, 10**9])
def test_a_wrong_length_is_limited_to_the_suggestions(length: int) -> None:
    recorder = Recorder()
    record_suggestion(recorder, "s1")
    recorder.record_accepted("s1", length)
    assert 0 <= recorder.compute_statistics().characters_accepted <= 6


def test_unknown_suggestions_change_nothing() -> None:
    recorder = Recorder()
    recorder.record_shown("no")
    recorder.record_accepted("no", None)
    assert recorder.record_rejected("no") is None
    assert (
        recorder.compute_statistics().shown,
        recorder.compute_statistics().accepted,
        recorder.compute_statistics().rejected,
    ) == (0, 0, 0)


def compute_shift(shown: int, accepted: int) -> float:
    """Return the adjustment of the threshold after `shown` suggestions of which `accepted` were accepted."""
    recorder = Recorder()
    for number in range(shown):
        record_suggestion(recorder, f"s{number}")
        recorder.record_shown(f"s{number}")
        if number < accepted:
            recorder.record_accepted(f"s{number}", None)
    return recorder.compute_statistics().threshold_shift


@pytest.mark.parametrize(("taken", "direction"), [(1, 1), (6, 0), (18, -1)])
def test_the_threshold_follows_the_share_of_accepted_suggestions(taken: int, direction: int) -> None:
    shift = compute_shift(20, taken)
    assert (shift > 0) - (shift < 0) == direction


def test_a_few_suggestions_do_not_change_the_threshold() -> None:
    assert compute_shift(5, 1) == 0.0


def test_an_editor_that_reports_no_acceptance_does_not_change_the_threshold() -> None:
    assert compute_shift(100, 0) == 0.0


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [compute_percentile(values, share) for share in (0.5, 0.95, 0.99)] == [50.0, 95.0, 99.0]
    assert compute_percentile([], 0.5) == 0.0
