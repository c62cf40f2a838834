"""Serving one editor over standard input and output, or several over sockets, from start to exit."""
