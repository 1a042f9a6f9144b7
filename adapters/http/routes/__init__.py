"""Each operation: what a request asks of the use cases, and the answer made of what they give."""
