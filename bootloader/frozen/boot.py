"""Frozen so that no file called boot.py on the user file system runs in its place. Does nothing."""
