"""Text of the workspace that comes along by itself: what a read file imports, and the files that a request names."""
