"""What can be said of poems, whoever wrote them: their prosody, their probability, their variety, and who wrote them.

Looks into: text, humanize, errors, progress, config, language, prosody, corpus, data, network, writing.
Loads torch.
"""
