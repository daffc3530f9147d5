"""Scores become the sentences that are kept, in an order, as rendered text."""
