"""Adapters of ragcompress to RAG frameworks. They use public names of the core only."""
