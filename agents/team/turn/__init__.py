"""One turn of an agent: the loop, its calls, its conversation with the model, and the check of its changes."""
