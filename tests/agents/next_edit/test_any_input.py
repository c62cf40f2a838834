"""Next edits after random edits of code in every language: none fails, and each lies in its text."""

from __future__ import annotations

import random

import pytest

from indexing.syntax import languages
from tests.agents.next_edit.person import Person
from tests.indexing.samples import SAMPLES

EDITS = 30


@pytest.mark.parametrize("language", [*languages.NAMES, "text"])
def test_random_edits_are_answered(language: str) -> None:
    chance = random.Random(language)  # noqa: S311 (not for secrets)
    text = SAMPLES[language].text if language in SAMPLES else "some text\n"
    person = Person({"main": text + "\n" + text, "other": text}, language)
    words = text.split() or ["x"]
    for _ in range(EDITS):
        person.name = chance.choice(["main", "other"])
        text = person.texts[person.name]
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.randrange(12))
        person._replace(start, end, chance.choice([*words, "", "(", "\n", "name", ", a", "é😀"]))
        edit = person.propose()
        if edit is not None:
            one = edit.candidate
            assert 0 <= one.start <= one.end <= len(person.texts[one.uri])
            assert person.texts[one.uri][one.start : one.end] != one.text
            person.editor.record_outcome(edit.id, accepted=False)
