"""What the storage port promises, sentence by sentence, on every engine."""
