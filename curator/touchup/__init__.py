"""Test masks, repaired under the clock."""
