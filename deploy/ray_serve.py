"""The server on Ray Serve, for more than one machine: as many replicas as the requests need.

pip install 'ray[serve]', then: serve run deploy.ray_serve:app. Requests go to port 8000 of any node.
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from ray import serve

from ragcompress import Budget, Plan
from ragcompress.serving.app import Service, create_app
from ragcompress.serving.limits import Keys, Limits
from ragcompress.serving.loading import Loading

_THREADS, _QUEUE = 2, 6
# In Ray's own queue, for all replicas together; who comes then is told 503 at once.
_MOST_WAITING = 64


def build() -> FastAPI:
    """The application of one replica; it loads its model when it starts."""
    limits = Limits(threads=_THREADS, queue=_QUEUE)
    plan = Plan(scorer=os.environ["SCORER"]) if "SCORER" in os.environ else Plan()
    service = Service(Budget(ratio=0.2), limits=limits, keys=Keys.find(None))
    return create_app(Loading(plan), service, wait=True)  # Ray sends requests to whatever has started


@serve.deployment(
    ray_actor_options={"num_cpus": _THREADS},
    max_ongoing_requests=_THREADS + _QUEUE,
    max_queued_requests=_MOST_WAITING,
    # A replica is added while more requests than it has threads are with each, on average.
    autoscaling_config={"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": _THREADS},
    graceful_shutdown_timeout_s=40,
)
@serve.ingress(build)
class RagCompress:
    """One replica."""


app = RagCompress.bind()
