"""Between the contract's messages and the client's dataclasses, a file a noun."""
