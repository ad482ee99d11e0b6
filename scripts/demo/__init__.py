"""The main story of Hourglass, told with real clients against a running stack."""
