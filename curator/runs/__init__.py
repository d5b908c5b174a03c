"""What training runs achieved: results, reports, and files to download."""
