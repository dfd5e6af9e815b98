"""The generator of the sandbox's practice: patients, visits and records that hang together, from a seed."""
