"""Many requests, one result each, in their order; a run that stopped can be resumed."""

from .request import Outcome, run_request

__all__ = ["Outcome", "run_request"]
