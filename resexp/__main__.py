"""`python -m resexp`."""

import sys

from resexp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
