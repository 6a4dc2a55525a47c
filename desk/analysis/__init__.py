"""What the figures say: warnings and clusters, briefs, and how far the models can be trusted."""
