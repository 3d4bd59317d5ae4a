"""`python -m resexp`."""

import sys

from resexp.cli import main

if __name__ == "__main__":
    sys.exit(main())
