"""Small tasks for the workflows `tdd` and `debug`, attempted by real models."""
