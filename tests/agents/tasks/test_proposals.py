"""Messages of tasks that propose nothing: the next step fits the reason."""

from __future__ import annotations

from agents.tasks.proposals import decline_answer, decline_place


def test_a_place_that_has_nothing_to_work_on_is_not_blamed_on_the_model() -> None:
    said = decline_place("There is no function here").reason
    assert said == "There is no function here; nothing was changed. Put the cursor elsewhere."


def test_a_model_that_wrote_nothing_of_use_is_told_apart_from_larger_ones() -> None:
    assert "starling models list --available" in decline_answer("The model found no body").reason
