"""The workspace of the first three scenes: a shop with a small web framework of its own, which needs no packages."""

SHOP = '''
#- README.md
# Shop

A small shop without dependencies. `python -m unittest` runs the tests.
#- web.py
"""A web framework in one file: routers, and an application that includes them."""

from collections.abc import Callable


class Router:
    """Functions that answer requests, by their path."""

    def __init__(self) -> None:
        self.routes: dict[str, Callable] = {}

    def get(self, path: str) -> Callable:
        """Have the decorated function answer GET requests to `path`."""

        def register(function: Callable) -> Callable:
            self.routes[path] = function
            return function

        return register


class App(Router):
    """The application."""

    def include_router(self, router: Router) -> None:
        """Add the routes of `router`."""
        self.routes.update(router.routes)

    def request(self, path: str, **query: object) -> object:
        """Answer a GET request."""
        return self.routes[path](**query)
#- db.py
"""The data of the shop."""

PRODUCTS = [{"id": 1, "name": "Lamp", "price": 30.0}, {"id": 2, "name": "Chair", "price": 80.0}]
USERS = [
    {"id": 1, "name": "Ada", "password_hash": "5f4d"},
    {"id": 2, "name": "Grace", "password_hash": "9a1c"},
    {"id": 3, "name": "Alan", "password_hash": "77e0"},
]
#- schemas.py
"""What the endpoints return."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProductResponse:
    id: int
    name: str
    price: float
#- api/__init__.py
"""The endpoints."""
#- api/products.py
"""Endpoints about products."""

import db
from schemas import ProductResponse
from web import Router

router = Router()


@router.get("/products")
def get_products(skip: int = 0, limit: int = 100) -> list[ProductResponse]:
    """Return up to `limit` products, without the first `skip` ones."""
    return [ProductResponse(**one) for one in db.PRODUCTS[skip : skip + limit]]
#- main.py
"""The application of the shop."""

from api import products
from web import App

app = App()
app.include_router(products.router)
#- orders.py
"""Orders: from a request to what is stored."""

from dataclasses import dataclass

import db


@dataclass(frozen=True)
class Order:
    user_id: int
    products: tuple[int, ...]
    total: float


def compute_total(products: list[int]) -> float:
    """Return the price of all products together."""
    prices = {one["id"]: one["price"] for one in db.PRODUCTS}
    return sum(prices[one] for one in products)


def process_order(request: dict) -> Order:
    """Return the order for a request, which has `products` and may have `user_id`."""
    user_id = request["user_id"]
    products = request.get("products", [])
    if not products:
        raise ValueError("an order needs products")
    return Order(user_id, tuple(products), compute_total(products))
#- tests/__init__.py
"""The tests."""
#- tests/test_orders.py
import unittest

from orders import process_order


class OrdersTest(unittest.TestCase):
    def test_an_order_has_the_total_of_its_products(self):
        order = process_order({"user_id": 1, "products": [1, 2]})
        self.assertEqual(order.total, 110.0)

    def test_an_order_without_products_is_refused(self):
        with self.assertRaisesRegex(ValueError, "needs products"):
            process_order({"user_id": 1})
#- tests/test_products.py
import unittest

from main import app


class ProductsTest(unittest.TestCase):
    def test_products_are_listed(self):
        names = [one.name for one in app.request("/products")]
        self.assertEqual(names, ["Lamp", "Chair"])
'''
