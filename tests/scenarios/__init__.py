"""What whole systems do with Holdfast: one file a system, one test for each line of what it needs.

docs/systems.md lists the lines with their tests.
"""
