"""HumanEval problems implemented by models of real size, compared with the model alone with its own chat template.

`python -m tests.eval.real.implementing --model NAME` measures, stores each answer and prints the table; `--write`
writes `real_implement.csv`. A problem is passed if its hidden tests pass in the sandbox.

The arms: "raw" asks the chat model for the function and takes the code out of its answer; "implement" is Starling's
task, with a chat model; "implement, filled" is the same without one, by filling in the empty body; "generate" is
Starling's command of that name, with an instruction to the chat model; "generate, repaired" tries the examples in the
problem's docstring, and asks up to twice more with the failures. Its round with the fewest failures counts, the
earliest of equals.
"""

from __future__ import annotations

import ast
import gzip
import json
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.edits import ProposedEdit, TextChange
from agents.findings import Layer
from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from agents.tasks import implement, instruct, running
from agents.tasks.task import Nothing, Resources, Scene
from indexing.index import Index
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax
from models.errors import ModelError
from models.local.loading import load_chat
from tests.eval import data, humaneval, sandbox, tables
from tests.eval.humaneval import never_cancel
from tests.eval.metrics import SEED
from tests.eval.real import figures, raw
from tests.eval.real.answers import Key, read_revision
from tests.eval.real.installed import identify, load_watched
from tests.eval.real.running import make_parser, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack

    from agents.tasks.task import Task
    from models.catalog.catalog import ModelEntry
    from tests.eval.real.answers import Answers
    from tests.eval.real.running import Run
    from tests.eval.tables import Cell

TABLE = "real_implement.csv"
COUNT = 164
RAW, IMPLEMENT, FILLED, GENERATE, REPAIRED = ARMS = (
    "raw",
    "implement",
    "implement, filled",
    "generate",
    "generate, repaired",
)
TASKS = {IMPLEMENT: implement.TASK, FILLED: implement.TASK}
TOKENS = 768
REPAIRS = 2
FENCE = re.compile(r"^```[^\n]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
GIVES = "==|=>|➞|->|=|#=>|# =>|should return|returns|return"  # between a call and its result in docstrings
QUESTION = (
    "Complete the following Python function. Answer with the whole function in one code block.\n\n```python\n{}```"
)
INSTRUCTION = "Implement `{}` as its docstring says."
AGAIN = "Correct `{}`. {}"


@dataclass(frozen=True)
class Problem:
    """A problem of HumanEval.

    Attributes:
        name: name of the problem.
        prompt: imports, helpers, and the function with its docstring and no body.
        function: name of the function.
        tests: code that tests a solution, run after it.
    """

    name: str
    prompt: str
    function: str
    tests: str

    @property
    def above(self) -> str:
        """Source code before the function."""
        return self.prompt[: self.prompt.rindex(f"def {self.function}(")]

    def find_examples(self) -> list[tuple[str, str]]:
        """Return each call that the docstring shows, with its expected result; both as Python expressions."""
        called = re.escape(self.function)
        below = re.findall(rf"^\s*>>> ({called}\(.*\))\s*\n\s*(\S.*)$", self.prompt, re.MULTILINE)
        beside = re.findall(rf"({called}\(.*?\)) *(?:{GIVES}) *(\S.*?)\.?$", self.prompt, re.MULTILINE)
        return [(source, wanted.strip()) for source, wanted in (*below, *beside) if _is_example(source, wanted.strip())]

    def is_passed(self, text: str) -> bool:
        """Run the hidden tests after the solution `text`; return whether they pass."""
        return sandbox.is_passing(f"{text}\n{self.tests}\n")


def _is_example(source: str, wanted: str) -> bool:
    """Return whether `source` is an expression and `wanted` a literal of Python."""
    try:
        ast.parse(source, mode="eval")
        ast.literal_eval(wanted)
    except (ValueError, SyntaxError):
        return False
    return True


def choose_problems(count: int) -> list[Problem]:
    """Return the first `count` problems of a fixed random order."""
    file = data.prepare(humaneval.WHEEL) / humaneval.WHEEL.source / "data" / "HumanEval.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        found = [read_problem(json.loads(line)) for line in lines]
    random.Random(SEED).shuffle(found)  # noqa: S311 - an order that repeats
    return found[:count]


def read_problem(stated: Mapping[str, str]) -> Problem:
    """Return the problem of a record of the benchmark's file."""
    tests = f"{stated['test']}\ncheck({stated['entry_point']})\n"
    return Problem(stated["task_id"], stated["prompt"], stated["entry_point"], tests)


def find_failures(text: str, problem: Problem) -> list[str]:
    """Return a message for each example in the docstring that the solution `text` fails."""
    found = []
    for source, wanted in problem.find_examples():
        sentence = f"{source} gives {{got!r}} and should give {wanted}."
        check = f"got = ({source}\n)\nif got != ({wanted}\n):\n    raise SystemExit({sentence!r}.format(got=got))\n"
        if (said := sandbox.run(f"{text}\n{check}")) is not None:
            found.append(said if "should give" in said else f"{source} fails: {said}")
    return found


def extract_code(answer: str, problem: Problem) -> str:
    """Return the solution in a chat answer: the first code block that defines the function.

    Without such a block, returns the prompt followed by the first block, or by the whole answer.
    """
    blocks = FENCE.findall(answer) or [answer]
    block = next((one for one in blocks if f"def {problem.function}(" in one), blocks[0])
    return block if f"def {problem.function}(" in block else problem.prompt + block


def ask_raw(model: raw.Raw, problem: Problem) -> dict[str, Any]:
    """Ask the model alone for the function, by its chat template; return the judged answer."""
    began = time.perf_counter()
    said = model.converse("", QUESTION.format(problem.prompt), TOKENS)
    took = (time.perf_counter() - began) * 1000
    text = problem.above + extract_code(said.text, problem)
    return {
        "text": text,
        "said": said.text,
        "passed": problem.is_passed(text),
        "ms": round(took),
        "prompt_tokens": said.prompt_tokens,
    }


@dataclass(frozen=True)
class Bench:
    """Resources of Starling's tasks, and the folder of its workspace."""

    resources: Resources
    folder: Path

    def ask(self, problem: Problem, arm: str) -> dict[str, Any]:
        """Have Starling write a function, as `arm` does; return the judged answer."""
        task = TASKS.get(arm, instruct.TASK)
        instruction = "" if arm in TASKS else INSTRUCTION.format(problem.function)
        began = time.perf_counter()
        rounds = [self._run_round(task, problem.prompt, problem, instruction)]
        while arm == REPAIRED and rounds[-1]["failed"] and len(rounds) <= REPAIRS:
            wrong = AGAIN.format(problem.function, " ".join(rounds[-1]["failed"][:3]))
            rounds.append(self._run_round(task, rounds[-1]["text"], problem, wrong))
        took = (time.perf_counter() - began) * 1000
        best = min(rounds, key=lambda one: len(one["failed"]))  # the first of equals
        for one in rounds:
            one["passed"] = problem.is_passed(one["text"])
        return {
            "text": best["text"],
            "passed": best["passed"],
            "rounds": rounds,
            "ms": round(took),
            "prompt_tokens": 0,
        }

    def _run_round(self, task: Task, text: str, problem: Problem, instruction: str) -> dict[str, Any]:
        """Run a task on the function in `text`; return the new text, a reason if it failed, and failed examples."""
        path = self.folder / "solution.py"
        document = Document(path.as_uri(), path, "python", text, 1)
        at = text.rindex(f"def {problem.function}(")
        scene = Scene(document, Syntax.of(document), Span(at, at), instruction=instruction)
        why = ""
        try:
            result = running.propose(task, scene, self.resources)
        except ModelError as error:
            result, why = None, str(error)
        finally:
            self.resources.index.close_document(document.uri)
        if isinstance(result, ProposedEdit):
            text = next(one.after for one in result.changes if isinstance(one, TextChange))
        elif isinstance(result, Nothing):
            why = result.reason
        return {"text": text, "why": why, "failed": find_failures(text, problem)}


def make_key(entry: ModelEntry, arm: str, problem: Problem) -> Key:
    """Return the key of an arm's answer to a problem."""
    return Key("implementing", identify(entry), arm, problem.name, raw.REVISION if arm == RAW else read_revision())


def collect(entry: ModelEntry, arm: str, chosen: Sequence[Problem], run: Run) -> None:
    """Have an arm answer the chosen problems that have no stored answer, and store its answers."""
    items = ((make_key(entry, arm, problem), problem) for problem in chosen)
    run.collect(
        items, lambda stack: (_make_raw_arm if arm == RAW else _make_starling_arm)(entry, arm, run.threads, stack)
    )


def _make_raw_arm(entry: ModelEntry, _: str, threads: int, stack: ExitStack) -> Callable[[Problem], dict[str, Any]]:
    """Load the model alone; return a function that answers a problem. `stack` frees the model."""
    model = raw.Raw(entry, threads)
    stack.callback(model.close)
    return lambda problem: ask_raw(model, problem)


def _make_starling_arm(
    entry: ModelEntry, arm: str, threads: int, stack: ExitStack
) -> Callable[[Problem], dict[str, Any]]:
    """Load a model for Starling's tasks; return a function that answers a problem as `arm` does."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    workspace = folder / "workspace"
    workspace.mkdir()
    index = Index([workspace], storage=folder / "index")
    stack.callback(index.close)
    index.start()
    reviewer = Reviewer(ReviewPolicy())
    resources = Resources(
        index,
        model=load_watched(entry, threads) if arm in TASKS else None,
        chat=load_chat(entry, device="cpu", threads=threads) if arm != FILLED else None,
        review=lambda document: reviewer.review(document, layers=frozenset({Layer.STATIC}), cancelled=never_cancel),
        roots=(workspace,),
    )
    bench = Bench(resources, workspace)
    return lambda problem: bench.ask(problem, arm)


def make_rows(entry: ModelEntry, chosen: Sequence[Problem], answers: Answers) -> list[dict[str, Cell]]:
    """Return the rows of a model, for the arms with stored answers."""
    found = {}
    for arm in ARMS:
        pairs = ((problem, answers.get(make_key(entry, arm, problem))) for problem in chosen)
        found[arm] = {problem.name: answer for problem, answer in pairs if answer is not None}
    return [make_row(entry.name, arm, found[arm], found[RAW]) for arm in ARMS if found[arm]]


def make_row(
    name: str, arm: str, found: Mapping[str, dict[str, Any]], beside: Mapping[str, dict[str, Any]]
) -> dict[str, Cell]:
    """Return the row of the table for an arm; `beside` has the answers of the model alone.

    `made_worse` counts problems that the first round passed and the chosen one fails.
    """
    passed = {problem: float(answer["passed"]) for problem, answer in found.items()}
    raw_passed = {problem: float(answer["passed"]) for problem, answer in beside.items()}
    repaired = [answer["rounds"] for answer in found.values() if len(answer.get("rounds", ())) > 1]
    worse = [1 for answer in found.values() if arm == REPAIRED and answer["rounds"][0]["passed"] > answer["passed"]]
    return {
        "model": name,
        "arm": arm,
        "n": len(found),
        **tables.format_wilson("pass_1", [bool(one) for one in passed.values()]),
        "repaired": len(repaired) if arm == REPAIRED else "",
        "made_worse": len(worse) if arm == REPAIRED else "",
        **(
            figures.make_empty_gain_columns("more_than_raw")
            if arm == RAW
            else figures.make_gain_columns("more_than_raw", passed, raw_passed)
        ),
        **figures.make_speed_columns(found.values()),
        "code": raw.REVISION if arm == RAW else read_revision(),
    }


def main() -> int:
    """Measure, print the rows, and write the table for `--write`; return the exit status."""
    made = make_parser("Measure problems implemented by installed models.", ARMS, COUNT, "problems, of 164", TABLE)
    options = made.parse_args()
    chosen = choose_problems(options.count)
    return measure(
        options,
        TABLE,
        lambda entry, arm, run: collect(entry, arm, chosen, run),
        lambda entry, answers: make_rows(entry, chosen, answers),
    )


if __name__ == "__main__":
    sys.exit(main())
