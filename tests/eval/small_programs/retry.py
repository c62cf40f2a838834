"""Calls a function again until it works."""


def retry(function, attempts):
    for attempt in range(attempts):
        try:
            return function(attempt)  # bug: return function(attempts)
        except KeyError:
            continue
    return None


def first_even(attempts):
    def even(number):
        if number % 2 or not number:
            raise KeyError(number)
        return number

    return retry(even, attempts)


EXAMPLES = [
    (first_even, (5,), 2),
    (first_even, (4,), 2),
]
