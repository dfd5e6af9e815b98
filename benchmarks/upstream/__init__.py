"""The upstream of the benchmarks: seeded records as static files, served by nginx on loopback."""
