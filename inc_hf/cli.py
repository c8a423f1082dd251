"""`inc-hf` as a module, for launchers: `accelerate launch -m inc_hf.cli train …`."""

import sys

from inc_hf.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
