"""What a network has learned: its embedding, its gates, its memory, and what its window and width are worth.

Looks into: text, errors, progress, config, files, prosody, corpus, data, network, writing, judging.
Loads torch.
"""
