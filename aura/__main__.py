"""`python -m aura`."""

from aura.command import main

main()
