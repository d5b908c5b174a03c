"""What trainings achieved: results, reports, and files to take away."""
