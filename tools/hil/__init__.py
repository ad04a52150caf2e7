"""Hardware in the loop: the end-to-end scenarios on a board that is on the desk (README.md)."""
