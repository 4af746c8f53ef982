"""Where effects leave."""
