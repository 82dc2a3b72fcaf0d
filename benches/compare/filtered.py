"""A count with conditions beside one without: CPU of both nodes for each element.

    python3 benches/compare/filtered.py target/release/psi-node --rows 1048576

Several programs take turns in one run, so that two builds can be compared on a noisy machine. Each
side's table has four columns beside the key; the condition has five comparisons, one of them LIKE,
and selects one row in seven. All answers are checked. Prints a Markdown table, with the
median of the CPU over the number of rows of both sides.
"""

import argparse
import hashlib
import json
import statistics
from contextlib import ExitStack

from nodes import idle, serving

FROM = "FROM anna.people a JOIN bert.people b ON a.id = b.id"
CONDITION = (
    "b.age BETWEEN 20 AND 70 AND b.city LIKE 'city 1%' AND (b.spent > 12.5 OR b.since < '2025-06-01')"
)


def identifier(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(number):
    city, month = f"city {number % 37}", number % 12 + 1
    return identifier(number), number % 90, city, number % 400 / 8, f"2025-{month:02}-15"


def is_selected(number):
    _, age, city, spent, since = row(number)
    return 20 <= age <= 70 and city.startswith("city 1") and (spent > 12.5 or since < "2025-06-01")


def csv(numbers):
    yield "id,age,city,spent,since"
    for number in numbers:
        yield ",".join(str(cell) for cell in row(number))


def tables(rows):
    return (
        '[table.people]\nsource = "ids.csv"\nminimum = 1\n'
        'filter = ["age", "city", "spent", "since"]\n'
        f'[[table.people.key]]\ncolumns = ["id"]\nkinds = ["text"]\nunique = true\n'
        f"identities = {rows}\n"
    )


def ask(nodes, sql, expected):
    before = idle(nodes)
    query = ["query", "--collab", "bench", "--format", "json"]
    document = json.loads(nodes[0].run(*query, sql))
    assert document["rows"] == [[expected]], document
    return idle(nodes) - before


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="+", help="the builds of psi-node to run, in turn")
    parser.add_argument("--rows", type=int, default=1 << 17)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    rows, shared = arguments.rows, arguments.rows // 2
    numbers = [range(rows), [*range(shared), *range(rows, 2 * rows - shared)]]
    queries = [
        ("count", f"SELECT COUNT(*) {FROM}", shared),
        (
            "filtered",
            f"SELECT COUNT(*) {FROM} WHERE {CONDITION}",
            sum(map(is_selected, range(shared))),
        ),
    ]
    with ExitStack() as stack:
        running = []
        for program in arguments.program:
            files = [csv(side) for side in numbers]
            nodes, _ = stack.enter_context(serving(program, files, tables(rows)))
            running.append((program, nodes))
        seconds = {}
        for _ in range(arguments.repeat):
            for program, nodes in running:
                for name, sql, expected in queries:
                    cpu = ask(nodes, sql, expected)
                    seconds.setdefault((program, name), []).append(cpu)
    print("| program | asked | CPU s, both, each run | median, us an element |")
    print("|---|---|---|---|")
    for (program, name), runs in seconds.items():
        each = statistics.median(runs) / (2 * rows) * 1e6
        print(f"| {program} | {name} | {', '.join(f'{run:.2f}' for run in runs)} | {each:.2f} |")


if __name__ == "__main__":
    main()
