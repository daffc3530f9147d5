"""Many requests, one result each, in their order; a run that stopped can be resumed."""
