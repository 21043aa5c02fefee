"""Tests of what the service says."""
