"""What each figure of an evaluation means, in a sentence for people."""

from __future__ import annotations

from typing import Final

#: Every figure that `poetgen evaluate` reports, by name, with its definition.
DEFINITIONS: Final = {
    "ppl_char": "perplexity over the Han characters of a body, given title and form; unknown ones charged as [UNK] and "
    "the choice among what the vocabulary leaves out",
    "ppl_all": "the same over characters, punctuation and the end of the poem",
    "bpc": "bits per character, over the same tokens as ppl_all; meant for plain text",
    "characters": "Han characters that were scored",
    "unknown": "of these, how many the vocabulary lacks",
    "form": "share of the poems with the number of lines and characters that the form asks",
    "rhyme": "share of the poems whose even lines end in one level rhyme of the 平水韵; any reading counts",
    "meter": "share of the poems that one of the form's tone patterns fits; any reading counts",
    "distinct-1": "distinct characters divided by all, over as many poems in each column",
    "distinct-2": "distinct pairs of characters within lines divided by all, over as many poems",
    "distinct-1 in a poem": "mean of the same ratio within one poem",
    "distinct-2 in a poem": "mean of the same ratio within one poem",
    "novelty": "share of the lines that stand in no poem of the training corpus",
    "copied, median": "longest run of characters of a poem that stands in one of the corpus, the median poem's",
    "copied, 99 %": "the same, for the poem of the 99th percentile",
    "repeats": "share of the poems in which a line, or a word of two characters outside reduplication, comes twice",
    "relevance": "mean reciprocal rank of a poem's own title among 20, by how much likelier its characters are beside "
    "those of the title in the training poems; 0.18 by chance",
    "relevance, of another": "the same of a title that is another poem's",
    "coherence": "the same of the second couplet of a poem, among 20, by its first",
    "critic": "AUC of a bidirectional LSTM that tells these poems from human ones; 0.5: it cannot",
    "n-gram judge": "the same, of a logistic regression on runs of one to three characters",
}
