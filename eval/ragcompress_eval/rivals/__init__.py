"""Other people's compressors, each run by an interpreter of its own environment (``run.py``)."""
