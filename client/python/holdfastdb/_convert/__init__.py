"""Between the contract's messages and the client's dataclasses: a file a noun, and what all nouns share.

`from_*` makes the client's value of a protobuf message. `to_*` makes a protobuf message, or a field of one,
of the client's value. `write_*` is `to_*` into a message that exists already, which takes less time. What
cannot be sent is refused with InvalidArgument and the path of the field.
"""
