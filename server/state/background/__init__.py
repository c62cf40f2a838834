"""Tables of work that goes on by itself: background jobs, and proposals of the autopilot."""
