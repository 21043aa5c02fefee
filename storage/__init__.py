"""The only SQL, and the only place that holds keys."""
