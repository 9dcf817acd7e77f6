"""`python -m alignhouse`: the same as the command `alignhouse`."""

from alignhouse.cli.app import main

main()
