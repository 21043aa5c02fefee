"""Text in, meaning out: no network, no database, no clock."""
