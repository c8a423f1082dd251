"""`python -m inc_hf`."""

import sys

from inc_hf.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
