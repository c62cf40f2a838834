"""The shape of a suggestion: brackets, blocks, indentation, and what is left out of it."""
