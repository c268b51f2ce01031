"""`python -m pgproxy`."""

from pgproxy.cli import main

main(prog_name="pgproxy")
