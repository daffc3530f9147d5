"""LangChain's reranker of Cohere, pointed at our server: ``python … URL`` prints the documents in order."""

import json
import sys

from langchain_cohere import CohereRerank
from langchain_core.documents import Document

texts = json.load(sys.stdin)
reranker = CohereRerank(cohere_api_key="any", base_url=sys.argv[1], model="any", top_n=2)
found = reranker.compress_documents([Document(page_content=t) for t in texts[1:]], texts[0])
json.dump([[d.page_content, d.metadata["relevance_score"]] for d in found], sys.stdout)
