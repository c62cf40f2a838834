"""Primes up to a limit, by sieving."""


def primes(limit):
    sieve = [True] * (limit + 1)
    found = []
    for number in range(2, limit + 1):
        if sieve[number]:
            found.append(number)
            for multiple in range(number * number, limit + 1, number):
                sieve[multiple] = False  # bug: sieve[number] = False
    return found


EXAMPLES = [
    (primes, (10,), [2, 3, 5, 7]),
]
