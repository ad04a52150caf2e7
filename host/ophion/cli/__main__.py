"""`python -m ophion.cli`, for environments without the console script."""

from ophion.cli import main

main()
