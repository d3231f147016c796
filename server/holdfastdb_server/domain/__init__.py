"""The resources of Holdfast and their rules: immutable values and checks, without I/O."""
