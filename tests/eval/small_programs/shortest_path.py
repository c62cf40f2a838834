"""Fewest steps between two places, by breadth first."""

from collections import deque


def steps(graph, start, goal):
    queue = deque([(start, 0)])
    seen = {start}
    while queue:
        node, distance = queue.popleft()  # bug: node, distance = queue.pop()
        if node == goal:
            return distance
        for neighbour in graph[node]:
            if neighbour not in seen:
                seen.add(neighbour)
                queue.append((neighbour, distance + 1))
    return None


EXAMPLES = [
    (steps, ({"a": ["d", "b"], "b": ["c"], "c": [], "d": ["c", "e"], "e": ["b"]}, "a", "b"), 1),
    (steps, ({"a": ["b", "c"], "b": ["d"], "c": ["e"], "e": ["d"], "d": []}, "a", "d"), 2),
]
