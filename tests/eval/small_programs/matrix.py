"""The product of two matrices."""


def product(left, right):
    columns = len(right[0])
    result = [[0] * columns for _ in left]
    for row, values in enumerate(left):
        for column in range(columns):
            for at, value in enumerate(values):
                cell = right[at][column]  # bug: cell = right[column][at]
                result[row][column] += value * cell
    return result


EXAMPLES = [
    (product, ([[1, 2], [3, 4]], [[0, 1], [2, 0]]), [[4, 1], [8, 3]]),
]
