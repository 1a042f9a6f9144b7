"""Answers that are sent piece by piece: live events and exports."""
