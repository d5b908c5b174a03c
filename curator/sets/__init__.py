"""Curated sets: freeze and export them."""
