"""Near-duplicates by sets of identifiers: none is missed."""

import random

from hypothesis import given
from hypothesis import strategies as st

from models.training.duplicates import NearDuplicates, compute_jaccard, count_identifiers, extract_identifiers

WORDS = [f"word{number}" for number in range(30)]


def test_keywords_and_short_names_are_no_identifiers() -> None:
    assert extract_identifiers("for i in rows: yield total_of(rows, äöü)") == {"rows", "total_of", "äöü"}


@given(st.lists(st.frozensets(st.sampled_from(WORDS), max_size=20), max_size=12), st.frozensets(st.sampled_from(WORDS)))
def test_a_set_is_found_exactly_when_some_pair_reaches_the_threshold(
    kept: list[frozenset[str]], query: frozenset[str]
) -> None:
    collection = NearDuplicates(0.8, count_identifiers([*kept, query]))
    for number, names in enumerate(kept):
        collection.add(str(number), names)
    assert (collection.find(query) is not None) == any(compute_jaccard(names, query) >= 0.8 for names in kept)


def test_a_file_with_a_few_renamed_names_is_found() -> None:
    names = frozenset(f"name_{number}" for number in range(50))
    collection = NearDuplicates(0.8, count_identifiers([names]))
    collection.add("original.py", names)
    changed = set(random.Random(1).sample(sorted(names), 46)) | {"other", "words"}  # noqa: S311 - a reproducible choice
    assert collection.find(frozenset(changed)) == ("original.py", 46 / 52)
