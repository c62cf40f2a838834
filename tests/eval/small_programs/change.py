"""Fewest coins for an amount."""


def fewest_coins(coins, amount):
    fewest = [0] + [amount + 1] * amount
    for total in range(1, amount + 1):
        for coin in coins:
            if coin <= total:  # bug: if coin < total:
                fewest[total] = min(fewest[total], fewest[total - coin] + 1)
    return fewest[amount] if fewest[amount] <= amount else None


EXAMPLES = [
    (fewest_coins, ([1, 3, 4], 6), 2),
    (fewest_coins, ([5], 5), 1),
]
