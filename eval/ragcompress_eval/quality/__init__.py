"""How much of the evidence and of the answers survives."""
