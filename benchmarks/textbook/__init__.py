"""The textbook service: what a good Python developer writes in a day, with the usual libraries."""
