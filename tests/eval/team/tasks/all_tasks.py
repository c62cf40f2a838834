"""All tasks, in the order in which they are attempted. To add one: an entry in the module of its kind."""

from __future__ import annotations

from itertools import chain, zip_longest

from tests.eval.team.tasks import explanations, parameters, renames, repairs, searches, written_tests

KINDS = (
    searches.TASKS,
    repairs.TASKS,
    parameters.TASKS,
    written_tests.TASKS,
    renames.TASKS,
    explanations.TASKS,
)
ALL = tuple(task for task in chain.from_iterable(zip_longest(*KINDS)) if task is not None)
"""All tasks, the kinds in turn, so that a run that is stopped has some of each."""
