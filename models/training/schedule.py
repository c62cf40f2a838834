"""The learning rate over a run that has to end at a set time.

Progress is the share of the time between the run's first start and its deadline: beside other work nobody knows how
many steps there will be, and a run that was stopped for a while simply has fewer. Where the number of steps is known,
the larger of both shares counts. Start at `Schedule.scale`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """Warm-up in steps, then flat, then linear to zero at the deadline or the last step.

    Attributes:
        started: when the run first started, seconds since the epoch.
        deadline: when it shall end, the same.
        warm_up_steps: steps until the full rate.
        decay_share: last share of the run in which the rate falls.
        most_steps: steps of the whole run; None leaves only the deadline.
    """

    started: float
    deadline: float
    warm_up_steps: int = 50
    decay_share: float = 0.6
    most_steps: int | None = None

    def progress(self, step: int, now: float) -> float:
        """Share of the run that is over, in [0, 1]."""
        time_share = (now - self.started) / max(self.deadline - self.started, 1e-9)
        step_share = step / self.most_steps if self.most_steps else 0.0
        return min(1.0, max(0.0, time_share, step_share))

    def scale(self, step: int, now: float) -> float:
        """Factor of the learning rates at a step, in [0, 1]."""
        warm = min(1.0, (step + 1) / self.warm_up_steps)
        return warm * min(1.0, (1.0 - self.progress(step, now)) / self.decay_share)


@dataclass(frozen=True, slots=True)
class Finish:
    """The short decay of a run that is told to end early, or that was stopped past its deadline.

    Attributes:
        first_step: where it began.
        steps: how many it has.
        scale_before: the factor in force when it began.
    """

    first_step: int
    steps: int
    scale_before: float

    def scale(self, step: int) -> float:
        """Factor of the learning rates at a step; 0 when it is over."""
        return max(0.0, self.scale_before * (1.0 - (step - self.first_step) / self.steps))
