"""The fields that steps of all kinds have."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

LONGEST_PROMPT = 8_000
"""Characters of a step's prompt."""

LONGEST_SENTENCE = 500
"""Characters of a sentence for the person."""


class Step(BaseModel):
    """Base class of a workflow's steps; unknown fields are errors.

    Attributes:
        name: its name in the workflow.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")

    def list_next(self) -> list[str]:
        """Return the names of the steps that may follow; "" is the end of the workflow."""
        return [
            getattr(self, field)
            for field in ("then", "otherwise", "again", "refused", "missing")
            if hasattr(self, field)
        ]

    def list_earlier(self) -> list[str]:
        """Return the names of the earlier steps whose results this step uses, apart from names in its prompt."""
        return [one for one in (getattr(self, "of", ""),) if one]

    def list_roles(self) -> list[str]:
        """Return the names of the roles that work in the step."""
        return [*getattr(self, "roles", ()), *filter(None, (getattr(self, "role", ""),))]

    def get_template(self) -> str:
        """Return the step's prompt or text, in which names in braces are filled in later; "" if it has none."""
        return str(getattr(self, "prompt", getattr(self, "text", "")))
