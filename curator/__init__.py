"""From a raw upload to a curated set. Never imports tensorflow, keras or the trainer's models."""
