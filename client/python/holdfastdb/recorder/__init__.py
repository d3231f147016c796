"""History that is written without ever being in the way."""
