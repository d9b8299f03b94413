"""What turn-taking is decided by: small objects without a clock or a loop, which the aggregator puts together."""
