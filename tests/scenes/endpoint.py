"""Scene 1: a person asks for an endpoint; the coder writes it, with its model, its registration and its tests."""

from __future__ import annotations

from tests.scenes.scene import CODER, Answer, Decision, Scene, Turn, call, choose, edit, say, write
from tests.scenes.shop import SHOP

USERS = '''
"""Endpoints about users."""

import db
from schemas import UserResponse
from web import Router

router = Router()


@router.get("/users")
def get_users(skip: int = 0, limit: int = 100) -> list[UserResponse]:
    """Return up to `limit` users, without the first `skip` ones."""
    return [UserResponse(one["id"], one["name"]) for one in db.USERS[skip : skip + limit]]
'''
RESPONSE = """    price: float


@dataclass(frozen=True)
class UserResponse:
    id: int
    name: str
"""
TESTS = """
import unittest

from main import app


class UsersTest(unittest.TestCase):
    def test_users_are_listed_without_their_passwords(self):
        first = app.request("/users")[0]
        self.assertEqual((first.id, first.name), (1, "Ada"))
        self.assertFalse(hasattr(first, "password_hash"))

    def test_a_part_of_the_users_is_listed(self):
        self.assertEqual([one.name for one in app.request("/users", skip=1, limit=1)], ["Grace"])
"""

PROPOSAL = """
The project has a router for each subject and returns dataclasses of `schemas.py`. I follow `api/products.py`:

```python
@router.get("/users")
def get_users(skip: int = 0, limit: int = 100) -> list[UserResponse]:
    return [UserResponse(one["id"], one["name"]) for one in db.USERS[skip : skip + limit]]
```

Besides the endpoint in `api/users.py` this needs:

1. the model `UserResponse` in `schemas.py`, without the password's hash
2. the router in `main.py`
3. tests in `tests/test_users.py`
"""
DONE = """
The endpoint `/users` is there.

| file | change |
| --- | --- |
| `api/users.py` | new: `get_users` with `skip` and `limit` |
| `schemas.py` | new class `UserResponse` |
| `main.py` | includes the router |
| `tests/test_users.py` | new: two tests |

All tests pass. The endpoint asks nobody who they are; say so if it should.
"""

ENDPOINT = Scene(
    "endpoint",
    "Write an endpoint",
    SHOP,
    (
        Turn(
            "Create a REST API endpoint that returns the list of users",
            ("I look at the structure of the project", "Besides the endpoint", "All tests pass."),
            (
                Decision("Create api/users.py"),
                Decision("Edit schemas.py", Answer.YES_FOR_ALL),
                Decision("Run the tests"),
            ),
            ("coder",),
            ("[5 passed, 0 failed",),
        ),
    ),
    choose("coder")
    + say(CODER, "I look at the structure of the project.", call("list_files"), call("read_file", path="main.py"))
    + say(
        CODER,
        "",
        call("read_file", path="api/products.py"),
        call("read_file", path="schemas.py"),
        call("read_file", path="db.py"),
        call("read_file", path="tests/test_products.py"),
    )
    + say(CODER, PROPOSAL, write("api/users.py", "The endpoint itself, like the one of the products.", USERS))
    + say(
        CODER,
        "",
        edit(
            "schemas.py",
            "What the endpoint returns; the hash of the password stays out.",
            ("    price: float\n", RESPONSE),
        ),
        edit(
            "main.py",
            "Without this nothing answers /users.",
            ("from api import products\n", "from api import products, users\n"),
            (
                "app.include_router(products.router)\n",
                "app.include_router(products.router)\napp.include_router(users.router)\n",
            ),
        ),
        write("tests/test_users.py", "They fail without the endpoint.", TESTS),
    )
    + say(CODER, "", call("run_tests"))
    + say(CODER, DONE),
    {
        "api/users.py": ("def get_users(",),
        "schemas.py": ("class UserResponse:", "class ProductResponse:"),
        "main.py": ("include_router(users.router)",),
        "tests/test_users.py": ("UsersTest",),
    },
)
