"""Timed repairs of the test masks."""
