"""Training settings by name; each file says how to run it and what to expect."""
