"""The server itself: its sockets, who is asking, what is counted and logged, how it ends."""
