"""Quality review: automatic checks, samples, scorecards, and what reviewers do with them."""
