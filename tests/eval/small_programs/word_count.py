"""How often each word occurs."""


def count_words(text):
    counts = {}
    for word in text.lower().split():
        if word not in counts:  # bug: if word in counts:
            counts[word] = 0
        counts[word] += 1
    return counts


EXAMPLES = [
    (count_words, ("a b A",), {"a": 2, "b": 1}),
]
