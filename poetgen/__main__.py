"""``python -m poetgen`` is the command ``poetgen``."""

from poetgen.cli import main

if __name__ == "__main__":
    main()
