"""The nouns of Holdfast and their rules: pure values and checks, no I/O."""
