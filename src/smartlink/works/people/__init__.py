"""People: who they are, how they sign in, and in which organisations they work."""
