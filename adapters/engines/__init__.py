"""Engines: what really starts and stops processes. One package each."""
