"""The server and what it answers: finding it, asking it, following its stream, waiting."""
