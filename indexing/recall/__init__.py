"""Continuations from elsewhere with the same tokens before them: matching, votes and confidence."""
