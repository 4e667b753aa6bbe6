"""Peers of the moderation bench: scores of texts by another library. Run by the peers' interpreter.

``scores.py PEER`` reads one JSON object from standard input, ``{"texts": […], "learn": [[text, 0 or 1], …]}``, and
prints a list with one number a text: higher is worse.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence


def alt_profanity_check(texts: Sequence[str], learn: Sequence[tuple[str, int]]) -> list[float]:
    """Score profanity: the only peer that ships a model, a linear one."""
    from profanity_check import predict_prob

    return [float(each) for each in predict_prob(list(texts))]


def better_profanity(texts: Sequence[str], learn: Sequence[tuple[str, int]]) -> list[float]:
    """Look for words of a list, in several spellings."""
    from better_profanity import profanity

    profanity.load_censor_words()
    return [float(profanity.contains_profanity(text)) for text in texts]


def tfidf(texts: Sequence[str], learn: Sequence[tuple[str, int]]) -> list[float]:
    """Do what one writes in an afternoon: TF-IDF of words and characters, logistic regression, our own rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True)
    model = make_pipeline(make_union(words, characters), LogisticRegression(C=4, solver="liblinear"))
    model.fit([text for text, _ in learn], [label for _, label in learn])
    return [float(each) for each in model.predict_proba(list(texts))[:, 1]]


PEERS = {each.__name__: each for each in (alt_profanity_check, better_profanity, tfidf)}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump(PEERS[sys.argv[1]](asked["texts"], asked["learn"]), sys.stdout)
