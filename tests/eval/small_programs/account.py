"""A balance that never goes below zero."""


class Account:
    def __init__(self, balance):
        self.balance = balance

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError("not enough")  # bug: ValueError("not enough")
        self.balance -= amount
        return self.balance


def try_withdraw(balance, amount):
    try:
        return Account(balance).withdraw(amount)
    except ValueError:
        return None


EXAMPLES = [
    (try_withdraw, (5, 7), None),
    (try_withdraw, (5, 2), 3),
]
