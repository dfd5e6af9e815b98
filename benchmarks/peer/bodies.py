"""The requests of the entry: for each query one body a line, in the order of the rig's patients.

`python -m benchmarks.peer.bodies` writes them anew; a test holds the files to the queries.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

OPERATIONS = {
    "q1": "Q1Patient",
    "q2": "Q2Patient360",
    "q3": "Q3Worklist",
    "q4": "Q4ClinicalContext",
}
PATIENTS = tuple(f"pat-{number:08d}" for number in range(1, 51))


def lines(query: str) -> list[str]:
    """The bodies of *query*: one of the worklist, one for each patient of the others."""
    if query == "q3":
        return [body(query, {"first": len(PATIENTS)})]
    return [body(query, {"id": f"Patient/{patient}"}) for patient in PATIENTS]


def body(query: str, variables: Mapping[str, Any]) -> str:
    """One request of *query*."""
    text = (HERE / "queries" / f"{query}.graphql").read_text()
    return json.dumps({"operationName": OPERATIONS[query], "query": text, "variables": variables})


def file(query: str) -> Path:
    """Where the bodies of *query* lie."""
    return HERE / f"{query}.jsonl"


if __name__ == "__main__":
    for name in OPERATIONS:
        file(name).write_text("".join(f"{line}\n" for line in lines(name)))
