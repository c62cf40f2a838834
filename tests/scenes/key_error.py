"""Scene 2: a person reports a KeyError; debug reproduces it by a test, fixes the cause, and runs the test again."""

from __future__ import annotations

from tests.scenes.scene import DEBUG, Decision, Scene, Turn, call, edit, say
from tests.scenes.shop import SHOP

LAST_TEST = """            process_order({"user_id": 1})
"""
NEW_TEST = """
    def test_an_order_without_a_user_is_refused(self):
        with self.assertRaisesRegex(ValueError, "needs a user"):
            process_order({"products": [1]})
"""
OLD_LINE = """    user_id = request["user_id"]
"""
NEW_LINES = """    user_id = request.get("user_id")
    if user_id is None:
        raise ValueError("an order needs a user")
"""
FOUND = """
Found it: line 23 of `orders.py` reads `request["user_id"]`, but the docstring says that the field may be missing. A
request without a user ends in this KeyError, while one without products gets a ValueError that says what is wrong.

First I write that down as a test, and see it fail.
"""
REPRODUCED = """
The test fails with your error. The fix checks the field on the way in, as `process_order` does with `products`:

```python
user_id = request.get("user_id")
if user_id is None:
    raise ValueError("an order needs a user")
```
"""
DONE = """
The error is fixed.

- Cause: `orders.py`, line 23 read an optional field as if it were always there.
- Fix: a request without a user is refused with "an order needs a user".
- Test: `test_an_order_without_a_user_is_refused` failed before, and passes now, like the others.

Nothing else in the project reads `user_id` from a request.
"""

KEY_ERROR = Scene(
    "key-error",
    "Debug a KeyError",
    SHOP,
    (
        Turn(
            "I get an error: KeyError: 'user_id' in the function process_order",
            ("I look at the function", "Found it: line 23", "The test fails with your error.", "The error is fixed."),
            (
                Decision("Edit tests/test_orders.py"),
                Decision("Run the tests of tests/test_orders.py"),
                Decision("Edit orders.py"),
                Decision("Run the tests"),
            ),
            ("debug",),
            ("[2 passed, 1 failed", "[4 passed, 0 failed"),
        ),
    ),
    say(
        DEBUG,
        "I look at the function and at who reads `user_id`.",
        call("read_file", path="orders.py"),
        call("search_files", pattern="user_id"),
        call("read_file", path="tests/test_orders.py"),
    )
    + say(
        DEBUG,
        FOUND,
        edit("tests/test_orders.py", "It shows the error before it is fixed.", (LAST_TEST, LAST_TEST + NEW_TEST)),
    )
    + say(DEBUG, "", call("run_tests", path="tests/test_orders.py"))
    + say(DEBUG, REPRODUCED, edit("orders.py", "The field is optional.", (OLD_LINE, NEW_LINES)))
    + say(DEBUG, "", call("run_tests"))
    + say(DEBUG, DONE),
    {"orders.py": ('request.get("user_id")',), "tests/test_orders.py": ("without_a_user_is_refused",)},
)
