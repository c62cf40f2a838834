"""Small workspaces for the editors: `SHOP` has a finding, `BEGUN` a function that a test continues.

Without a model Starling suggests only code of the workspace itself, so the tests know each suggestion.
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
# The suggestion after `amount += pri`.
REST = "ces[item.name] * item.count"
