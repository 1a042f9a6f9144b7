"""What every face of the web stands on: sockets, TLS, the server, who is asking, lists' places."""
