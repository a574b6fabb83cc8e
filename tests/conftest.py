"""Set before anything heavy is imported: no window, no fast-math, one thread per process."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("PYTENSOR_FLAGS", "numba__fastmath=False")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("DENSING_SHELF", None)  # tests are of the shelf in this checkout
