"""Ray: moved to ``ragcompress.batch.ray``; its names stay here for those who import them."""

from ragcompress.batch.ray import Done, compress_dataset, compress_file

__all__ = ["Done", "compress_dataset", "compress_file"]
