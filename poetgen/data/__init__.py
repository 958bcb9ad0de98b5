"""What poems become for a network: a vocabulary, sequences of ids, the prepared dataset and its batches.

Looks into: text, humanize, errors, progress, config, files, folders, prosody, corpus.
"""
