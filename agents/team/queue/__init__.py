"""Work that goes on by itself: workers that do the tasks of the queue."""
