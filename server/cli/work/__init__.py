"""Commands for work that goes on by itself: the queue of tasks and its workers."""
