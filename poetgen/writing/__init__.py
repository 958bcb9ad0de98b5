"""From what is asked of a poem to the poem: requests, constraints, decoding, ranking, batches of thousands.

Looks into: text, humanize, errors, config, files, signals, prosody, corpus, data, network.
Loads torch.
"""
