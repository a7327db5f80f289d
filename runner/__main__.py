"""`python -m runner`: the command line."""

import sys

from .cli.exit_codes import INTERRUPTED

if __name__ == "__main__":
    # The imports take a tenth of a second, in which an interrupt may come as well.
    try:
        from .cli.main import main

        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
