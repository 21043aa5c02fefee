"""All SQL, one file a subject; functions take the open transaction first."""
