"""Whether compressing pays: what a reader is spared, less what compression takes."""
