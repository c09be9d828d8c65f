"""Turn a due asset into an object and its manifest before the deadline."""
