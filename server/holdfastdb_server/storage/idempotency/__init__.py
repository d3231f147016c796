"""Request ids: a request that is repeated is answered, and not carried out again."""
