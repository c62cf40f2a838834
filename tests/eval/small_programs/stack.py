"""A stack with its least element at hand."""


class Stack:
    def __init__(self):
        self.items = []
        self.least = []

    def push(self, item):
        self.items.append(item)
        if not self.least or item <= self.least[-1]:
            self.least.append(item)

    def pop(self):
        item = self.items.pop()
        if item == self.least[-1]:
            self.least.pop()  # bug: self.items.pop()
        return item


def least_after(pushed, pops):
    stack = Stack()
    for item in pushed:
        stack.push(item)
    for _ in range(pops):
        stack.pop()
    return stack.least[-1]


EXAMPLES = [
    (least_after, ([2, 1], 1), 2),
    (least_after, ([3, 2, 1], 1), 2),
]
