"""From what is asked of a poem to the poem: requests, constraints, decoding, ranking, batches of thousands.

    title, options ──writer──▶ request ──plan──▶ header, template ──constraint──▶ masks ┐
                                                                                       ▼
    poems.jsonl ◀──output── batch ◀── the best draft ◀──rank── drafts ◀──choice── sampler, slots

Looks into: text, humanize, errors, progress, config, files, prosody, corpus, data, network.
Loads torch.
"""
