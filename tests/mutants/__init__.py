"""Mutation testing: changes the code in one place at a time and sees whether a test fails (`make mutants`).

A runner of our own, for an async suite with a PostgreSQL: mutmut forks a process that has run the suite,
which gRPC and asyncpg do not survive; cosmic-ray runs one command for all modules. Neither changes SQL text,
drops arguments, or takes a sample within a time.
"""
