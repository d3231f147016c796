"""`python -m holdfastdb_server` is the `holdfast` command."""

from holdfastdb_server.entry import main

main()
