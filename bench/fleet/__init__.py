"""What a fleet's coordination costs: Redis operations per call, a node's processor, Redis' own, and 10,000 offers at once."""
