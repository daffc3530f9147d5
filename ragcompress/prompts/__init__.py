"""Sentences become token ids that the proxy reads, with the span of each sentence."""
