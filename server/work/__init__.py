"""Work that goes on by itself: what a queued task does, in which worktree, and how its result gets to a person."""
