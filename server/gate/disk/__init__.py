"""Files on the disk: read without loss, written whole or in place."""
