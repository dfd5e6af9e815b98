"""The engine alone, in memory, beside Strawberry's own executor: the same data, the same JSON."""
