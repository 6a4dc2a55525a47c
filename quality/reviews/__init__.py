"""The life of a review: from the draw to the score, its release, an appeal and the decision."""
