"""Curated sets: frozen, and exported."""
