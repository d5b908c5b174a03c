"""Who sees what next, what was decided, and how well reviewers agree."""
