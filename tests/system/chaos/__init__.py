"""Real processes under load, killed at seeded times and at every failpoint, and an oracle that saw it from outside."""
