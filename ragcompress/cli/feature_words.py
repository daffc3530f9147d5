"""What a head's features are called where a person reads them."""

from __future__ import annotations

_PASSAGE_PROBE = {
    "logit": "first stage",
    "previous": "first stage of the sentence before",
    "next": "first stage of the sentence behind",
    "best_of_passage_others": "first stage of the best other sentence of the passage",
    "mean_of_passage": "mean first stage of the passage",
    "below_best": "first stage, below the best of all",
    "below_best_of_document": "first stage, below the best of the document",
    "share_of_better": "share of the sentences that are better",
    "log_tokens": "length (log tokens)",
    "log_position": "place from the start of the document (log)",
    "from_end": "place from the end of the document (log)",
    "linked_from": "first stage of the best sentence that names its title",
    "links_to": "best first stage in a document whose title it names",
    "is_linked": "its title is named elsewhere",
    "has_link": "it names another document's title",
    "words_in_question": "share of the question's rarer words that it holds",
    "title_in_question": "share of the question's rarer words that its title holds",
    "shared_with_a_best": "rare words shared with one of the best sentences",
    "rarest_shared_with_a_best": "the rarest word shared with one of the best",
    "shared_with_the_best": "rare words shared with all of the best",
    "one_document_logit": "first stage, for evidence in one document",
    "one_document_best_of_passage": "first stage, for one document: best of the passage",
    "one_document_below_best": "first stage, for one document: below the best of all",
    "several_documents_logit": "first stage, for evidence in several documents",
    "several_documents_best_of_passage": "first stage, for several documents: best of the passage",
    "several_documents_below_best": "first stage, for several documents: below the best of all",
    "first_look": "logit after the first look",
    "is_fact": "it is one of the sentences placed before the question",
    "was_read": "its passage was read twice",
}
_SIGNALS = {
    "attention": "attention",
    "one_document": "attention, for evidence in one document",
    "several_documents": "attention, for evidence in several documents",
    "cheap": "cheap signals together",
    "words": "words shared with the question (BM25)",
    "stems": "beginnings of words shared with the question (BM25)",
    "cosine": "cosine with the question",
    "matches": "best match of each token of the question",
    "centred_matches": "the same, matches that are rare in these documents",
    "worst_matches": "match of the question's tokens that are matched worst",
    "covered": "share of the question's tokens that match well",
    "near_best_elsewhere": "cosine with the best sentences of other documents",
    "near_best_here": "cosine with the best sentences of its document",
    "adds_to_best": "what it matches of the question and the best sentence does not",
    "adds_to_few": "what it matches of the question and the best few do not",
    "log_rank": "the retriever's rank (log)",
    "rank_share": "the retriever's rank, as a share of the list",
    "is_first": "it is of the retriever's first document",
    "log_characters": "length (log characters)",
    "log_sentences_of_document": "sentences of its document (log)",
    "log_sentences": "sentences in all (log)",
    "log_documents": "documents (log)",
    "has_no_word": "it has no word",
    "log_words_of_question": "words of the question (log)",
    "function_words": "share of function words in the question",
    "question_mark": "the question has a question mark",
    "not_latin": "share of the question's letters that are not Latin",
    "capitals": "share of the question's letters that are capitals",
    "digits": "share of digits in the question",
    "has_title": "its document has a title",
    "has_vector": "it has a vector",
    "has_rank": "the documents have ranks",
    "is_read": "the proxy read it",
    "best_read": "best attention of all",
    "share_read": "share of the sentences that the proxy read",
}
_AROUND = {
    "_before": "of the sentence before",
    "_behind": "of the sentence behind",
    "_of_three": "of it and its two neighbors",
    "_of_document": "of its whole document",
    "_of_title": "of its document's title",
    "_best_of_document": "best of its document",
    "_best_of_others": "best of the others of its document",
    "_mean_of_document": "mean of its document",
    "_below_best": "below the best of all",
    "_below_best_of_document": "below the best of its document",
    "_rank": "share of the sentences that have more",
    "_document_rank": "share of the documents that have more",
    "_standardised": "in standard deviations from the mean",
}


def describe(name: str) -> str:
    """A feature of ``passage-probe``'s or ``evidence``'s network in words.

    Raises:
        KeyError: if there is no such feature.
    """
    if name in _SIGNALS:
        return _SIGNALS[name]
    if name in _PASSAGE_PROBE:
        return _PASSAGE_PROBE[name]
    # The longest ending first: ``_rank`` is one of ``_document_rank``'s.
    for ending in sorted(_AROUND, key=len, reverse=True):
        if name.endswith(ending) and name.removesuffix(ending) in _SIGNALS:
            return f"{_SIGNALS[name.removesuffix(ending)]}, {_AROUND[ending]}"
    raise KeyError(name)
