"""Decoding and encoding of pictures, crop geometry, and face detection."""
