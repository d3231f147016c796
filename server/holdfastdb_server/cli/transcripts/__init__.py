"""Chat transcripts to and from sessions, without loss."""
