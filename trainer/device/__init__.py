"""From a run to a file for a device, and the proof that it computes what the run computes."""
