"""A stand-in for the Supabase platform on a machine without Docker, for development and tests only."""
