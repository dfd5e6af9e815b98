"""Volume that is not normal: what clients ask and sources give, held against what is usual at that hour."""

from gateway.volume.usual import Alarm, Bounds, Measure, Track
from gateway.volume.watching import Volume

__all__ = ["Alarm", "Bounds", "Measure", "Track", "Volume"]
