"""What a network has learned: its embedding, its gates, its memory, and what its size is worth.

Each module computes data and draws nothing; pictures are in plots/, tables in display.py.
"""
