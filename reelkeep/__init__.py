"""For programs that use Reelkeep: `reelkeep.client` asks its API, `reelkeep.notifications` reads what it sends."""
