"""Haystack's ranker of Cohere, pointed at our server."""

import json
import sys

from haystack import Document
from haystack.utils import Secret
from haystack_integrations.components.rankers.cohere import CohereRanker

texts = json.load(sys.stdin)
ranker = CohereRanker(model="any", api_key=Secret.from_token("any"), api_base_url=sys.argv[1], top_k=2)
found = ranker.run(query=texts[0], documents=[Document(content=t) for t in texts[1:]])["documents"]
json.dump([[d.content, d.score] for d in found], sys.stdout)
