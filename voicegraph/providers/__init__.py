"""What several nodes share of one engine or vendor."""
