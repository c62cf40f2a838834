"""The learning rate falls to zero at the deadline, or soon after a request to finish."""

from models.training.schedule import Finish, Schedule


def test_the_rate_warms_up_stays_and_falls_linearly_to_zero_at_the_deadline() -> None:
    schedule = Schedule(started=1000.0, deadline=2000.0, warm_up_steps=10, decay_share=0.5)
    assert schedule.compute_scale(0, 1000.0) == 0.1
    assert schedule.compute_scale(50, 1500.0) == 1.0
    assert schedule.compute_scale(60, 1750.0) == 0.5
    assert schedule.compute_scale(70, 2000.0) == 0.0
    assert schedule.compute_scale(70, 9000.0) == 0.0


def test_a_known_number_of_steps_ends_a_run_that_is_faster_than_its_deadline() -> None:
    schedule = Schedule(started=0.0, deadline=1e6, warm_up_steps=1, decay_share=0.5, most_steps=100)
    assert schedule.compute_scale(50, 1.0) == 1.0
    assert schedule.compute_scale(75, 1.0) == 0.5
    assert schedule.compute_scale(100, 1.0) == 0.0


def test_the_rate_of_a_run_that_is_told_to_finish_falls_from_its_current_value() -> None:
    finish = Finish(first_step=100, steps=4, scale_before=0.8)
    assert [round(finish.compute_scale(step), 6) for step in range(100, 106)] == [0.8, 0.6, 0.4, 0.2, 0.0, 0.0]
