"""Evaluation harness of ragcompress: datasets, metrics, baselines, probe training."""
