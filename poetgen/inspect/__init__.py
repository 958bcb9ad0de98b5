"""What a network has learned: its embedding, its gates, its memory, and what its window and width are worth.

Each module computes data and draws nothing: pictures are in plots/, and the command line makes the tables.
"""
