"""Files on the disk: read without loss, replaced as a whole or written in place."""
