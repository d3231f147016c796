"""How events and states are written and read: many requests in one transaction, or in one statement."""
