"""`python -m gateway.cli`: the same as `caregraph`."""

import sys

from gateway.cli import main

sys.exit(main())
