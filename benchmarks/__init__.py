"""What `make bench` runs: the service beside a bare handler in the same run, compared as ratios."""
