"""All tasks, in the order in which they are attempted. To add one: an entry in the module of its kind."""

from __future__ import annotations

from tests.eval.team.tasks import explanations, parameters, renames, repairs, searches, written_tests

ALL = (*renames.TASKS, *parameters.TASKS, *repairs.TASKS, *written_tests.TASKS, *explanations.TASKS, *searches.TASKS)
