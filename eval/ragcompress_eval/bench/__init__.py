"""What all studies share: files, journal, bootstrap, provenance, metrics."""
