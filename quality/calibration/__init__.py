"""How far reviewers agree, item by item, and whether one of them drifts."""
