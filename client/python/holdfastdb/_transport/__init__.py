"""The channel and what every call has in common: ids, retries, pages, batches of appends."""
