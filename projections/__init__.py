"""Pure folds from events to rows."""
