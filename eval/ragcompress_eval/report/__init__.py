"""Results as a page with plots."""
