"""Files that change on disk, for editors that do not watch them."""
