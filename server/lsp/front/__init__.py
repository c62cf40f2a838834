"""The front: the small process that an editor starts, between the editor and the resident server."""
