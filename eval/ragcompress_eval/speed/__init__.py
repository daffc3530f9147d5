"""How long compression takes, beside others in the same run."""
