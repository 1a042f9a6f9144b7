"""Filters of the site: its own programs, asked about jobs."""
