"""Prove the store; forget a contributor."""
