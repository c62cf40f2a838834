"""The records of a decision board: criteria, verdicts of roles, and the decision. Start at `Board`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from agents.team.workflows.json_answers import cut_to

if TYPE_CHECKING:
    from typing import Self

MOST_CRITERIA = 8
MOST_CONDITIONS = 8
MOST_ROLES = 10
SCALE = 10
"""Thresholds, weights and scores go up to this number."""

_PAST = {
    "approved": "approve",
    "rejected": "reject",
    "abstained": "abstain",
    "postponed": "postpone",
    "chosen": "choose",
}


def _fold_word(value: object) -> object:
    """Return a verdict in small letters, "approved" as "approve" and the like; values that are no text unchanged."""
    word = value.strip().casefold() if isinstance(value, str) else value
    return _PAST.get(word, word) if isinstance(word, str) else word


class _Record(BaseModel):
    """Base class of what a model writes; unknown fields are dropped."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Criterion(_Record):
    """A criterion that a role chose for the question.

    Attributes:
        name: its name.
        threshold: the least score with which the role approves, 0 to 10.
        weight: its weight among the criteria of the role, above 0, up to 10.
        score: the role's score, 0 to 10, the higher the better.
        reasoning: why this criterion counts here, and why this score.
    """

    name: Annotated[str, cut_to(80, needed=True)]
    threshold: float = Field(ge=0, le=SCALE)
    weight: float = Field(gt=0, le=SCALE)
    score: float = Field(ge=0, le=SCALE)
    reasoning: Annotated[str, cut_to(500)] = ""


class Verdict(_Record):
    """The verdict of a role.

    Attributes:
        criteria: its criteria; () only for an abstention.
        verdict: whether it approves, rejects, abstains, or chooses one of several options.
        choice: the chosen option, "" without one.
        reasoning: why.
        conditions: what has to be done if its verdict is followed.
    """

    criteria: tuple[Criterion, ...] = Field(default=(), max_length=MOST_CRITERIA)
    verdict: Annotated[Literal["approve", "reject", "abstain", "choose"], BeforeValidator(_fold_word)]
    choice: Annotated[str, cut_to(120)] = ""
    reasoning: Annotated[str, cut_to(1500, needed=True)]
    conditions: tuple[Annotated[str, cut_to(300)], ...] = Field(default=(), max_length=MOST_CONDITIONS)

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        """Check that a verdict other than an abstention has criteria, and that a choice says what is chosen.

        Raises:
            ValueError: it is not so.
        """
        if self.verdict != "abstain" and not self.criteria:
            raise ValueError("criteria are missing")
        if self.verdict == "choose" and not self.choice:
            raise ValueError("the verdict is choose, and choice is empty")
        return self

    @property
    def score(self) -> float | None:
        """The mean of the scores by weight, 0 to 10; None without criteria."""
        whole = sum(one.weight for one in self.criteria)
        return sum(one.weight * one.score for one in self.criteria) / whole if whole else None

    @property
    def missed(self) -> tuple[str, ...]:
        """Names of the criteria whose score is below the threshold."""
        return tuple(one.name for one in self.criteria if one.score < one.threshold)


class Ruling(_Record):
    """The decision after all verdicts.

    Attributes:
        decision: approve, reject, postpone, or choose one of several options.
        choice: the chosen option, "" without one.
        reasoning: why.
        conditions: what has to be done.
        dissent: whose verdict was not followed, and why; "" if all were.
        review: when to look at it again; "" for never.
    """

    decision: Annotated[Literal["approve", "reject", "postpone", "choose"], BeforeValidator(_fold_word)]
    choice: Annotated[str, cut_to(120)] = ""
    reasoning: Annotated[str, cut_to(2000, needed=True)]
    conditions: tuple[Annotated[str, cut_to(300)], ...] = Field(default=(), max_length=MOST_CONDITIONS)
    dissent: Annotated[str, cut_to(800)] = ""
    review: Annotated[str, cut_to(200)] = ""

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        """Check that a choice says what is chosen.

        Raises:
            ValueError: it does not.
        """
        if self.decision == "choose" and not self.choice:
            raise ValueError("the decision is choose, and choice is empty")
        return self


class Given(BaseModel):
    """The outcome of asking a role: its verdict, or why there is none, a sentence."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict | None = None
    problem: str = Field(default="", max_length=500)


class Board(BaseModel):
    """A question before the board, as far as it has come.

    Attributes:
        id: id of the decision.
        visit: how often the step had been done before; a later visit asks anew.
        question: the question.
        given: what came of each role that was asked, by its name.
        by: the role that decided, "" before that.
        ruling: the decision, None before it and if there is none.
        problem: why there is no decision, a sentence; "" otherwise.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    visit: int = 0
    question: str
    given: dict[str, Given] = Field(default_factory=dict)
    by: str = ""
    ruling: Ruling | None = None
    problem: str = ""

    @property
    def result(self) -> str:
        """The decision in a word or two: "approve", "choose: SQLite"; "no decision" without one."""
        if self.ruling is None:
            return "no decision"
        return name_verdict(self.ruling.decision, self.ruling.choice)


def name_verdict(verdict: str, choice: str) -> str:
    """Return a verdict in a word or two, with `choice` if it chooses: "approve", "choose: SQLite"."""
    return f"{verdict}: {choice}" if verdict == "choose" else verdict


def load_board(stored: object) -> Board | None:
    """Return the board that was dumped as the JSON value, or the JSON text, `stored`; None if it is something else."""
    try:
        return Board.model_validate_json(stored) if isinstance(stored, str) else Board.model_validate(stored)
    except (ValidationError, RecursionError):
        return None


def dump_board(board: Board) -> dict[str, Any]:
    """Return a board as a JSON object, which `load_board` reads."""
    return board.model_dump()
