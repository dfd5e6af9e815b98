"""Writes docs/faults.md: `python -m tests.sources.matrix > docs/faults.md`."""

import sys

from tests.sources.matrix.page import rendered
from tests.sources.matrix.table import MATRIX

sys.stdout.write(rendered(MATRIX))
