"""The one recurrent model: how it is trained, on one process or many, and how it is kept.

Looks into: errors, config, files, progress, prosody, data.
Loads torch.
"""
