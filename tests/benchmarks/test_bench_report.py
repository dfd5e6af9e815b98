"""The table ranks by CPU time and gives ratios to the floor and to the textbook service."""

from benchmarks.load import Sample
from benchmarks.report import Figures, table


def figures(*cpu_ms: float, verdict: str = "yes", errors: int = 0, memory_mb: float = 50) -> Figures:
    samples = [Sample(each, 1000, 2, 9, 0.99, errors) for each in cpu_ms]
    return Figures(4, verdict, samples, memory_mb)


def test_a_line_gives_the_median_and_the_ratios() -> None:
    results = {
        "patient": {
            "textbook": figures(7, memory_mb=100),
            "gateway": figures(0.75, 0.25, 0.5, errors=1),
            "floor": figures(0.25),
        }
    }

    cells = [line.strip("| ").split(" | ") for line in table(results).splitlines()[2:]]

    assert [line[:6] for line in cells] == [
        ["patient", "floor", "**0.250**", "0.250–0.250", "1.00", "1/28.0"],
        ["patient", "gateway", "**0.500**", "0.250–0.750", "2.00", "1/14.0"],
        ["patient", "textbook", "**7.000**", "7.000–7.000", "28.0", "1.00"],
    ]
    assert [line[6:] for line in cells] == [
        ["1,000", "2.0", "9.0", "99%", "50", "1.00", "4", "yes"],
        ["1,000", "2.0", "9.0", "99%", "50", "1.00", "4", "yes (3 errors under load)"],
        ["1,000", "2.0", "9.0", "99%", "100", "2.00", "4", "yes"],
    ]


def test_without_a_floor_there_is_no_ratio_to_it() -> None:
    cells = table({"patient": {"gateway": figures(1)}}).splitlines()[2].split(" | ")

    assert cells[4:6] == ["–", "–"]


def test_what_was_not_measured_is_not_in_the_table() -> None:
    assert len(table({"patient": {"gateway": figures()}}).splitlines()) == 2
