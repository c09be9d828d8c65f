"""Play the providers and their file hosts over HTTP. Knows their documentation, and nothing of Reelkeep."""
