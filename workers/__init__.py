"""What happens later, run by RQ: deliver, remind, announce, look after what was left behind. Jobs carry ids only."""
