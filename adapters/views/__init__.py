"""The views in SQLite: job view, audit trail, cancellations and counts, in one file.

Rows and position are one commit, through eventsourcing's tracking recorder. A file has a version
and belongs to one log; a file of another version or log is left alone and a new one is built.
"""
