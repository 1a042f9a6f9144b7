"""The views in PostgreSQL, for several services that share them: a schema for each build.

Rows and position are one commit, through eventsourcing's tracking recorder, as in SQLite. One
service writes, the one that holds the lock of the schema; the others read, and take over.
"""
