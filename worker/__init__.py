"""The worker: makes deadlines punctual. Without it everything stays true, only later."""

__version__ = "0.1.0"
