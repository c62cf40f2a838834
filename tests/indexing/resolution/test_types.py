"""Types of receivers, their members, and the call around the cursor."""

from __future__ import annotations

import pytest

from tests.indexing.resolution.workspaces import list_members, open_names

CLASSES = """
    #- zoo.py
    from dataclasses import dataclass
    from typing import Iterator, Optional, Self

    class Animal:
        legs = 4

        def __init__(self, name: str, *, friend: "Animal | None" = None) -> None:
            self.name = name
            self.friend = friend
            self.home = Home(1)

        def copy(self) -> Self: ...

        @property
        def cage(self) -> "Home": ...

        @classmethod
        def parse(cls, text: str) -> "Animal": ...

    class Dog(Animal):
        def bark(self, times: int, loud: bool = False): ...

    @dataclass
    class Home:
        size: int
        colour: str = "red"

        def open(self, key, /, *, slowly=False, **rest): ...

        def __enter__(self) -> "Door": ...

    class Door:
        def close(self): ...

    def adopt(kind: str) -> Optional[Dog]: ...

    def adopt_any():
        return Dog("any")

    class Zoo:
        animals: dict[str, Dog]

        def __iter__(self) -> Iterator[Dog]: ...

        def __getitem__(self, name) -> Dog: ...
    #- main.py
    from zoo import Animal, Dog, Home, Zoo, adopt, adopt_any
    import zoo
"""


def find(fixture: str) -> list[str]:
    """Return what the name at the cursor can mean, as "path qualified.name"."""
    return [f"{each.relative} {each.qualified}" for each in open_names(fixture).find_definitions()]


@pytest.mark.parametrize(
    "code",
    [
        "def f(it: Dog):\n    it.bark$0()",
        "def f(it: 'Dog | None' = None):\n    it.bark$0()",
        "def f(it: zoo.Dog):\n    it.bark$0()",
        "it = Dog('a')\nit.bark$0()",
        "it = zoo.Dog('a')\nit.bark$0()",
        "it: Dog = load()\nit.bark$0()",
        "it = adopt('a')\nit.bark$0()",
        "it = adopt_any()\nit.bark$0()",
        "Dog('a').copy().bark$0()",
        "Dog('a').copy().copy().bark$0()",
        "it = Dog('a') if x else None\nit.bark$0()",
        "it = x or Dog('a')\nit.bark$0()",
        "for it in Zoo():\n    it.bark$0()",
        "def f(them: list[Dog]):\n    for it in them:\n        it.bark$0()",
        "def f(them: list[Dog]):\n    [it for it in them]\n    them[0].bark$0()",
        "def f(them: list[Dog]):\n    for number, it in enumerate(them):\n        it.bark$0()",
        "Zoo().animals['a'].bark$0()",
        "for name, it in Zoo().animals.items():\n    it.bark$0()",
        "for it in sorted(Zoo().animals.values()):\n    it.bark$0()",
        "Zoo()['a'].bark$0()",
        "def f(it):\n    if isinstance(it, Dog):\n        it.bark$0()",
        "def f(kind: type[Dog]):\n    kind('a').bark$0()",
        "async def f(it: Dog):\n    other = await g(it)\n    it.bark$0()\nasync def g(it): ...",
        "if (it := adopt('a')):\n    it.bark$0()",
        "first, it = 1, Dog('a')\nit.bark$0()",
        "try:\n    pass\nexcept Dog as it:\n    it.bark$0()",
        "class Puppy(Dog):\n    def play(self):\n        self.bark$0()",
        "class Puppy(Dog):\n    def bark(self):\n        super().bark$0()",
        "class Pen:\n    def __init__(self, a: Dog):\n        self.it = a\n    def g(self):\n        self.it.bark$0()",
        "class Pen:\n    it: Dog\n    def g(self):\n        self.it.bark$0()",
        "class Pen:\n    it: Dog\nPen().it.bark$0()",
    ],
)
def test_a_receiver_is_typed(code: str) -> None:
    assert find(CLASSES + "    " + code.replace("\n", "\n    ") + "\n") == ["zoo.py Dog.bark"]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("Dog('a').cage.open$0()", "zoo.py Home.open"),
        ("Dog('a').home.open$0()", "zoo.py Home.open"),
        ("Animal.parse('a').copy$0()", "zoo.py Animal.copy"),
        ("with Home(1) as door:\n    door.close$0()", "zoo.py Door.close"),
        ("with Home(1):\n    pass\nHome(1).open$0()", "zoo.py Home.open"),
        ("Dog('a').legs$0", "zoo.py Animal.legs"),
    ],
)
def test_a_member_is_found_in_the_class_that_has_it(code: str, found: str) -> None:
    assert find(CLASSES + "    " + code.replace("\n", "\n    ") + "\n") == [found]


@pytest.mark.parametrize(
    "code", ["unknown.bark$0()", "def f(it):\n    it.bark$0()", "Dog.missing.bark$0()", "(1).bark$0()"]
)
def test_a_receiver_of_unknown_type_has_no_definitions(code: str) -> None:
    assert find(CLASSES + "    " + code.replace("\n", "\n    ") + "\n") == []


def test_members_are_those_of_the_class_before_those_of_its_bases() -> None:
    assert list_members(CLASSES + "    Dog('a').$0\n") == [
        "bark", "legs", "__init__", "name", "friend", "home", "copy", "cage", "parse",
    ]  # fmt: skip


def test_members_of_a_module_are_its_public_names() -> None:
    assert list_members(CLASSES + "    zoo.$0\n") == ["Animal", "Dog", "Home", "Door", "adopt", "adopt_any", "Zoo"]


def test_a_partial_member_name_does_not_hide_the_receiver() -> None:
    assert list_members(CLASSES + "    def f(door: zoo.Door):\n        door.cl$0\n") == ["close"]


def test_members_are_known_where_the_line_is_not_finished() -> None:
    assert list_members(CLASSES + "    def f(home: Home):\n        with home.$0\n    x = 1\n") == [
        "size", "colour", "open", "__enter__",
    ]  # fmt: skip


def test_classes_that_are_each_others_bases_end_the_search() -> None:
    assert list_members("class A(B):\n    def a(self): ...\nclass B(A):\n    def b(self): ...\nA().$0\n") == ["a", "b"]


def test_a_name_that_is_assigned_to_itself_has_no_type() -> None:
    assert list_members("x = y\ny = x\nx.$0\n") == []


def test_an_iterator_of_itself_ends_the_search() -> None:
    fixture = "class A:\n    def __iter__(self):\n        return self\nfor a in A():\n    a.$0\n"
    assert list_members(fixture) == []


def list_parameters(code: str) -> tuple[str, list[str], int, tuple[str, ...]]:
    call = open_names(CLASSES + "    " + code + "\n").find_call()
    assert call is not None
    return call.name, [each.name for each in call.parameters], call.given, call.named


def test_the_missing_parameters_of_a_call_are_known() -> None:
    assert list_parameters("Dog('a').bark($0") == ("Dog('a').bark", ["times", "loud"], 0, ())
    assert list_parameters("Dog('a').bark(1, $0") == ("Dog('a').bark", ["loud"], 1, ())
    assert list_parameters("Dog('a').bark(loud=True, $0)") == ("Dog('a').bark", ["times"], 0, ("loud",))
    assert list_parameters("adopt(str(1, [2, 3]), $0)")[0:2] == ("adopt", [])


def test_creating_an_instance_takes_the_parameters_of_the_inherited_constructor() -> None:
    assert list_parameters("Dog($0)")[1] == ["name", "friend"]


def test_creating_an_instance_of_a_data_class_takes_its_fields() -> None:
    assert list_parameters("Home($0)")[1] == ["size", "colour"]


def test_kinds_annotations_and_defaults_of_parameters_are_known() -> None:
    call = open_names(CLASSES + "    Home(1).open($0)\n").find_call()
    assert call is not None
    assert [(each.name, each.kind, each.default, each.is_required) for each in call.parameters] == [
        ("key", "positional", "", True),
        ("slowly", "keyword", "False", False),
        ("rest", "rest_keywords", "", False),
    ]


def test_outside_of_a_call_there_is_none() -> None:
    assert open_names("print(1)\nx = [1, $0]\n").find_call() is None
    assert open_names("f(1)\n$0\n").find_call() is None


def test_a_bracket_in_a_string_opens_no_call() -> None:
    assert open_names("x = 'f(' + $0\n").find_call() is None
