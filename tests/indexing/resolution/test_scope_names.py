"""Names in scope, attributes of the own object, and whether all members of a receiver are known."""

from __future__ import annotations

import pytest

from indexing.resolution.scope_names import list_own_attributes, list_scope_names
from tests.indexing.resolution.workspaces import open_names

NESTED = """
    #- main.py
    LIMIT: int = 3

    class Box:
        count = 1

        def __init__(self, width: int) -> None:
            self.width = width

        def grow(self, amount: float, *rest: str) -> None:
            early = 1
            $0
            late = 2
"""


def test_parameters_earlier_variables_and_module_names_are_in_scope_nearest_first() -> None:
    found = list_scope_names(open_names(NESTED))
    assert found == {"early": "", "amount": "float", "rest": "str", "LIMIT": "int"}


def test_attributes_are_listed_as_they_are_written_in_the_method() -> None:
    assert sorted(list_own_attributes(open_names(NESTED))) == ["self.count", "self.width"]
    assert list_own_attributes(open_names("#- main.py\nx = 1\n$0\n")) == []


@pytest.mark.parametrize(
    ("head", "known"),
    [
        ("class A:\n    x = 1\n", "known"),
        ("class B:\n    y = 1\n\nclass A(B):\n    x = 1\n", "known"),
        ("class A(object):\n    x = 1\n", "known"),
        ("import other\n\nclass A(other.B):\n    x = 1\n", "unknown"),
        ("class A(B):\n    x = 1\n", "unknown"),
        ("class A:\n    def __getattr__(self, name): ...\n", "unknown"),
        ("@extend\nclass A:\n    x = 1\n", "unknown"),
    ],
)
def test_all_members_are_known_only_if_all_base_classes_are(head: str, known: str) -> None:
    receiver = open_names(f"#- main.py\n{head}\na = A()\na.$0\n").find_receiver()
    assert receiver is not None
    assert receiver.is_complete is (known == "known")
