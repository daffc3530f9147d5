"""Files, folders and JSON records become documents; a place in a document leads back to its page or line."""
