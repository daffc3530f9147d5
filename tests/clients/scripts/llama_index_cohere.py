"""LlamaIndex's reranker of Cohere, pointed at our server."""

import json
import sys

from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.cohere_rerank import CohereRerank

texts = json.load(sys.stdin)
reranker = CohereRerank(api_key="any", base_url=sys.argv[1], model="any", top_n=2)
nodes = [NodeWithScore(node=TextNode(text=t)) for t in texts[1:]]
found = reranker.postprocess_nodes(nodes, query_str=texts[0])
json.dump([[n.text, n.score] for n in found], sys.stdout)
