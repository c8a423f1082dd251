"""Runtimes that a finished model is exported to and loaded from."""
