"""Documents become sentences, tokens and words."""
