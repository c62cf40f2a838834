"""Makes suggestions fit their place: brackets, blocks, indentation, and characters to remove."""
