"""Translations between Countermand and the outside; no rule about jobs lives here."""
