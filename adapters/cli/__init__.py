"""The command line. Imports nothing by itself: `cancel` must feel instant."""
