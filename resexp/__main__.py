"""`python -m resexp`."""

import sys

from resexp.cli import main

sys.exit(main())
