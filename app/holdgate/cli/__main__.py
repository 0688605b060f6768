"""`python -m holdgate.cli`: the command `holdgate`."""

from holdgate.cli import main

main()
