"""LlamaIndex's reranker of Text Embeddings Inference, pointed at our server."""

import json
import sys

from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

texts = json.load(sys.stdin)
reranker = TextEmbeddingInference(base_url=sys.argv[1], top_n=2, model_name="any")
nodes = [NodeWithScore(node=TextNode(text=t)) for t in texts[1:]]
found = reranker.postprocess_nodes(nodes, query_str=texts[0])
json.dump([[n.text, n.score] for n in found], sys.stdout)
