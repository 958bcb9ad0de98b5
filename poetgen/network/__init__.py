"""The one recurrent model: how it is trained, on one process or many, and how it is kept.

Looks into: text, humanize, errors, progress, config, files, folders, prosody, corpus, data.
Loads torch.
"""
