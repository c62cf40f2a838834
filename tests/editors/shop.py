"""Small workspaces for the editors: in `SHOP` something is found, in `BEGUN` a line waits to be typed.

Without a model only what this workspace itself says is suggested, so the tests know what has to come.
"""

_STOCK = """#- stock.py
def value_of_stock(items, prices):
    amount = 0
    for item in items:
        amount += prices[item.name] * item.count
    return amount


def value_with_tax(items, prices, tax):
    amount = 0
    for item in items:
        amount += prices[item.name] * item.count
    return amount * tax
"""
BEGUN = f"""
#- .starling.toml
[completion]
min_confidence = 0.0
{_STOCK}#- order.py
def value_of_order(items, prices):
    amount = 0
    for item in items:
"""
SHOP = f"""
#- .starling.toml
[completion]
min_confidence = 0.0
#- .git/HEAD
ref: refs/heads/main
{_STOCK}#- order.py
import os


def value_of_order(items, prices):
    amount = 0
    for item in items:
        pass
"""
REST = "ces[item.name] * item.count"
