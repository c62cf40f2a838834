"""Learning rate of a run that has to end at a set time.

Progress is the share of time between the run's first start and its deadline: on a shared machine the number of steps is
unknown in advance, and an interrupted run has fewer. Where the number is given, the larger share counts. Start at
`Schedule.compute_scale`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """Linear warm-up in steps, then a constant rate, then linear decay to zero at the deadline or the last step.

    Attributes:
        started: time of the run's first start, in seconds since the epoch.
        deadline: time at which the run has to end, in seconds since the epoch.
        warm_up_steps: steps until the full rate.
        decay_share: last share of the run in which the rate falls.
        most_steps: steps of the whole run; None leaves only the deadline.
    """

    started: float
    deadline: float
    warm_up_steps: int = 50
    decay_share: float = 0.6
    most_steps: int | None = None

    def compute_progress(self, step: int, now: float) -> float:
        """Return the share of the run that is over, in [0, 1]: the larger of the shares of time and steps.

        Args:
            step: number of steps so far.
            now: time in seconds since the epoch.
        """
        time_share = (now - self.started) / max(self.deadline - self.started, 1e-9)
        step_share = step / self.most_steps if self.most_steps else 0.0
        return min(1.0, max(0.0, time_share, step_share))

    def compute_scale(self, step: int, now: float) -> float:
        """Return the factor of the learning rates, in [0, 1], after `step` steps at the time `now`."""
        warm = min(1.0, (step + 1) / self.warm_up_steps)
        return warm * min(1.0, (1.0 - self.compute_progress(step, now)) / self.decay_share)


@dataclass(frozen=True, slots=True)
class Finish:
    """The short decay of a run that has to end early, or was interrupted until after its deadline.

    Attributes:
        first_step: first step of the decay.
        steps: length of the decay in steps.
        scale_before: factor of the learning rates before the decay.
    """

    first_step: int
    steps: int
    scale_before: float

    def compute_scale(self, step: int) -> float:
        """Return the factor of the learning rates after `step` steps of the run; 0 from the end of the decay on."""
        return max(0.0, self.scale_before * (1.0 - (step - self.first_step) / self.steps))
