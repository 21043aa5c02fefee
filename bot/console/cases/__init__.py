"""Cases on the console: the list, the page of one, taking one down, and what is done with it."""
