"""The learning loop: what people left is kept, models are proposed, compared, promoted; how far both disagree."""
