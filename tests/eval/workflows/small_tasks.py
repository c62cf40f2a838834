"""Ten small tasks: five that ask for something new (`tdd`), and five that report an error (`debug`).

Each is a workspace of one module and its test, a request in plain English, code that judges the result and that no
model sees, and a reference solution. Start at `TASKS`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SmallTask:
    """One task.

    Attributes:
        name: its name, unique.
        workflow: "tdd" or "debug".
        path: name of the module, relative to the workspace folder.
        text: its text.
        test: text of the test file that is there from the beginning.
        request: what is wanted.
        hidden: code that runs without an exception once the task is solved, and not before.
        solution: text of the module with which it does.
    """

    name: str
    workflow: str
    path: str
    text: str
    test: str
    request: str
    hidden: str
    solution: str


SLUG = '''"""Slugs for addresses."""

import re


def slugify(text):
    """Return `text` in lower case, with hyphens between its words."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
'''

STACK = '''"""A stack."""


class Stack:
    """Last in, first out."""

    def __init__(self):
        self._items = []

    def push(self, item):
        """Put an item on top."""
        self._items.append(item)

    def pop(self):
        """Take the top item off and return it."""
        if not self._items:
            raise IndexError("the stack is empty")
        return self._items.pop()

    def __len__(self):
        return len(self._items)
'''

NUMBERS = '''"""Statistics of numbers."""


def mean(values):
    """Return the mean of `values`."""
    if not values:
        raise ValueError("no values")
    return sum(values) / len(values)
'''

CART = '''"""A shopping cart."""


class Cart:
    """Items with their prices."""

    def __init__(self):
        self.items = []

    def add(self, name, price, count=1):
        """Add some pieces of an item."""
        self.items.append((name, price, count))

    def total(self):
        """Return the price of everything."""
        return sum(price * count for _, price, count in self.items)
'''

DURATION = '''"""Durations in words."""

import re

SECONDS = {"h": 3600, "m": 60, "s": 1}


def parse_duration(text):
    """Return the seconds of a duration such as "1h30m"."""
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\\d+)([hms])", text))
'''

AVERAGE = '''"""Averages of marks."""


def average(marks):
    """Return the average of `marks`, 0 for none."""
    return sum(marks) / len(marks)


def best(marks):
    """Return the best mark, 0 for none."""
    return max(marks) if marks else 0
'''

CHUNKS = '''"""Lists in parts."""


def chunk(items, size):
    """Return `items` in lists of `size`; the last one may be shorter."""
    return [items[at : at + size] for at in range(0, len(items) - size + 1, size)]
'''

PAIRS = '''"""Settings in lines."""


def parse_pair(line):
    """Return key and value of a line such as "name = value"."""
    key, value = line.split("=")
    return key.strip(), value.strip()


def parse(text):
    """Return the settings of a text, one in a line."""
    return dict(parse_pair(line) for line in text.splitlines() if line.strip())
'''

STORE = '''"""What is in stock."""


class Inventory:
    """Numbers of pieces by name."""

    def __init__(self):
        self.counts = {}

    def add(self, name, count):
        """Add some pieces."""
        self.counts[name] = self.counts.get(name, 0) + count

    def remove(self, name, count):
        """Take some pieces away; a ValueError if there are not so many."""
        if self.counts[name] < count:
            raise ValueError(f"there are not so many: {name}")
        self.counts[name] -= count
'''

CALENDAR = '''"""Years and months."""

DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year):
    """Return whether `year` is a leap year of the Gregorian calendar."""
    return year % 4 == 0


def count_days(year, month):
    """Return the number of days of a month, which is 1 to 12."""
    return 29 if month == 2 and is_leap(year) else DAYS[month - 1]
'''

TASKS = (
    SmallTask(
        "slug_length",
        "tdd",
        "slug.py",
        SLUG,
        'from slug import slugify\n\n\ndef test_words():\n    assert slugify("Hello, World") == "hello-world"\n',
        "Add an optional parameter max_length to slugify in slug.py: the slug has at most so many characters and does "
        "not end with a hyphen. Without it nothing is cut.",
        'from slug import slugify\nassert slugify("Hello, World") == "hello-world"\n'
        'assert slugify("Hello, World", max_length=5) == "hello"\n'
        'assert slugify("Hello, World", max_length=6) == "hello"\nassert slugify("ab", max_length=9) == "ab"\n',
        SLUG.replace("(text)", "(text, max_length=None)").replace(
            'return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")',
            'return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:max_length].rstrip("-")',
        ),
    ),
    SmallTask(
        "stack_peek",
        "tdd",
        "stack.py",
        STACK,
        "from stack import Stack\n\n\ndef test_pop():\n    stack = Stack()\n    stack.push(1)\n"
        "    assert stack.pop() == 1\n    assert len(stack) == 0\n",
        "Add a method peek to the class Stack in stack.py. It returns the top item and leaves it there; it raises an "
        "IndexError if the stack is empty.",
        "from stack import Stack\nstack = Stack()\ntry:\n    stack.peek()\n    raise SystemExit('no error')\n"
        "except IndexError:\n    pass\nstack.push(1)\nstack.push(2)\nassert stack.peek() == 2\nassert len(stack) == 2\n"
        "assert stack.pop() == 2\n",
        STACK.replace(
            "    def __len__",
            '    def peek(self):\n        """Return the top item."""\n        if not self._items:\n'
            '            raise IndexError("the stack is empty")\n        return self._items[-1]\n\n    def __len__',
        ),
    ),
    SmallTask(
        "median",
        "tdd",
        "numbers_of.py",
        NUMBERS,
        "from numbers_of import mean\n\n\ndef test_mean():\n    assert mean([1, 3]) == 2\n",
        "Add a function median(values) to numbers_of.py. It returns the middle one of the sorted values, or the mean "
        "of the two middle ones; it raises a ValueError for no values.",
        "from numbers_of import mean, median\nassert mean([1, 3]) == 2\nassert median([3, 1, 2]) == 2\n"
        "assert median([4, 1, 3, 2]) == 2.5\nassert median([7]) == 7\ntry:\n    median([])\n"
        "    raise SystemExit('no error')\nexcept ValueError:\n    pass\n",
        f'{NUMBERS}\n\ndef median(values):\n    """Return the median of `values`."""\n    if not values:\n'
        '        raise ValueError("no values")\n    every = sorted(values)\n    half = len(every) // 2\n'
        "    return every[half] if len(every) % 2 else (every[half - 1] + every[half]) / 2\n",
    ),
    SmallTask(
        "cart_discount",
        "tdd",
        "cart.py",
        CART,
        'from cart import Cart\n\n\ndef test_total():\n    cart = Cart()\n    cart.add("tea", 3, 2)\n'
        "    assert cart.total() == 6\n",
        "Cart.total in cart.py gets an optional parameter percent, a discount of 0 to 100 per cent on the total. "
        "Another number raises a ValueError.",
        "from cart import Cart\ncart = Cart()\ncart.add('tea', 5, 2)\nassert cart.total() == 10\n"
        "assert cart.total(percent=10) == 9\nassert cart.total(percent=100) == 0\nfor bad in (-1, 101):\n    try:\n"
        "        cart.total(percent=bad)\n    except ValueError:\n        continue\n    raise SystemExit('no error')\n",
        CART.replace("def total(self)", "def total(self, percent=0)").replace(
            "        return sum(price * count for _, price, count in self.items)",
            '        if not 0 <= percent <= 100:\n            raise ValueError("no percentage")\n'
            "        return sum(price * count for _, price, count in self.items) * (100 - percent) / 100",
        ),
    ),
    SmallTask(
        "duration_days",
        "tdd",
        "duration.py",
        DURATION,
        'from duration import parse_duration\n\n\ndef test_hours():\n    assert parse_duration("1h30m") == 5400\n',
        'parse_duration in duration.py has to know days, too: "2d" is 172800 and "1d2h" is 93600.',
        'from duration import parse_duration\nassert parse_duration("1h30m") == 5400\n'
        'assert parse_duration("2d") == 172800\nassert parse_duration("1d2h") == 93600\n',
        DURATION.replace('{"h"', '{"d": 86400, "h"').replace("[hms]", "[dhms]"),
    ),
    SmallTask(
        "average_of_none",
        "debug",
        "marks.py",
        AVERAGE,
        "from marks import average, best\n\n\ndef test_average():\n    assert average([1, 3]) == 2\n"
        "    assert best([1, 3]) == 3\n",
        'average([]) fails:\n\nTraceback (most recent call last):\n  File "marks.py", line 6, in average\n'
        "    return sum(marks) / len(marks)\nZeroDivisionError: division by zero\n",
        "from marks import average\nassert average([]) == 0\nassert average([1, 3]) == 2\n",
        AVERAGE.replace("sum(marks) / len(marks)", "sum(marks) / len(marks) if marks else 0"),
    ),
    SmallTask(
        "last_chunk",
        "debug",
        "chunks.py",
        CHUNKS,
        "from chunks import chunk\n\n\ndef test_pairs():\n    assert chunk([1, 2, 3, 4], 2) == [[1, 2], [3, 4]]\n",
        "chunk in chunks.py loses items: chunk([1, 2, 3], 2) returns [[1, 2]] and not [[1, 2], [3]].",
        "from chunks import chunk\nassert chunk([1, 2, 3], 2) == [[1, 2], [3]]\nassert chunk([1], 5) == [[1]]\n"
        "assert chunk([], 2) == []\nassert chunk([1, 2, 3, 4], 2) == [[1, 2], [3, 4]]\n",
        CHUNKS.replace("len(items) - size + 1", "len(items)"),
    ),
    SmallTask(
        "value_with_equals",
        "debug",
        "pairs.py",
        PAIRS,
        'from pairs import parse\n\n\ndef test_lines():\n    assert parse("a = 1\\nb = 2") == {"a": "1", "b": "2"}\n',
        'parse("url = /find?q=1") from pairs.py fails:\n\nTraceback (most recent call last):\n'
        '  File "pairs.py", line 12, in parse\n    return dict(parse_pair(line) for line in text.splitlines() if '
        'line.strip())\n  File "pairs.py", line 6, in parse_pair\n    key, value = line.split("=")\n'
        "ValueError: too many values to unpack (expected 2)\n",
        'from pairs import parse\nassert parse("url = /find?q=1&r=2") == {"url": "/find?q=1&r=2"}\n'
        'assert parse("a = 1") == {"a": "1"}\n',
        PAIRS.replace('split("=")', 'split("=", 1)'),
    ),
    SmallTask(
        "remove_unknown",
        "debug",
        "inventory.py",
        STORE,
        "from inventory import Inventory\n\n\ndef test_remove():\n    inventory = Inventory()\n"
        '    inventory.add("pen", 3)\n    inventory.remove("pen", 1)\n    assert inventory.counts == {"pen": 2}\n',
        "Inventory().remove(\"pen\", 1) in inventory.py raises KeyError: 'pen'. It has to be a ValueError, as for "
        "too few pieces.",
        "from inventory import Inventory\none = Inventory()\ntry:\n    one.remove('pen', 1)\n"
        "    raise SystemExit('no error')\nexcept ValueError:\n    pass\none.add('pen', 2)\none.remove('pen', 2)\n"
        "assert one.counts['pen'] == 0\n",
        STORE.replace("if self.counts[name] < count", "if self.counts.get(name, 0) < count"),
    ),
    SmallTask(
        "leap_century",
        "debug",
        "calendar_of.py",
        CALENDAR,
        "from calendar_of import count_days\n\n\ndef test_february():\n    assert count_days(2024, 2) == 29\n"
        "    assert count_days(2023, 2) == 28\n",
        "count_days(1900, 2) from calendar_of.py returns 29, but 1900 was no leap year: February had 28 days.",
        "from calendar_of import count_days, is_leap\nassert count_days(1900, 2) == 28\n"
        "assert count_days(2000, 2) == 29\nassert not is_leap(2100)\nassert is_leap(2024)\n",
        CALENDAR.replace("year % 4 == 0", "year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)"),
    ),
)
