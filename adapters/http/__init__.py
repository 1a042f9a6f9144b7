"""The web: commands, questions and the stream of events over HTTP, on a Unix socket and on TCP."""
