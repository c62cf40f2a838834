"""How many steps a number takes to one."""


def steps(number):
    count = 0
    while number != 1 and count < 1000:
        if number % 2 == 0:  # bug: if number % 2 == 1:
            number //= 2
        else:
            number = 3 * number + 1
        count += 1
    return count


EXAMPLES = [
    (steps, (6,), 8),
    (steps, (1,), 0),
]
