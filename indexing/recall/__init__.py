"""What was written after the same tokens: matching, votes, and how likely they are right."""
