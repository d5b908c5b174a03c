"""Bytes to upright pixels and back; geometry; faces."""
