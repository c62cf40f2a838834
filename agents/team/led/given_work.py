"""Work that a workflow's step gives an agent, for a model that is led. Start at `GivenWork`."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_TESTS = 1500
"""Characters of the tests in the instruction."""

LONGEST_FAILURES = 1200
"""Characters at the end of the failures in the instruction."""

TESTS = "These tests have to pass, and may not be changed:\n```\n{tests}\n```"
FAILURES = "Now they fail:\n{failures}"


@dataclass(frozen=True, slots=True)
class GivenWork:
    """Work that a step gives an agent; the step's whole prompt is the agent's last message.

    Attributes:
        request: the person's request.
        changes: what the step may change: "nothing", "tests", "code" or "all".
        tests: names of the test files that the workflow's agents have changed.
        failures: the failures of the last run of the tests; "" for none.
    """

    request: str
    changes: str
    tests: tuple[str, ...] = ()
    failures: str = ""

    def compose_instruction(self, tests: str) -> str:
        """Return the instruction for a change of code: the request, the start of `tests`, and the end of the failures.

        `tests` is the text of the tests, "" for none.
        """
        parts = [self.request]
        if tests:
            parts.append(TESTS.format(tests=tests[:LONGEST_TESTS].rstrip()))
        if self.failures:
            parts.append(FAILURES.format(failures=self.failures[-LONGEST_FAILURES:].strip()))
        return "\n\n".join(parts)
