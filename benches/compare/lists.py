"""A list of matches beside a count of the same size: CPU, bytes on the wire, peak memory.

    python3 benches/compare/lists.py target/release/psi-node --rows 100000

Starts two nodes on this machine whose tables are served under two names each, one with the rule
`list` and one with the rule `aggregation`, over the same CSV file. Asks for the count and for the
list in turn, checks both answers, and prints a Markdown table. Half of the rows are shared.
"""

import argparse
import hashlib
import json
import os
import time

from nodes import idle, serving

FROM = "FROM anna.{0} a JOIN bert.{0} b ON a.id = b.id"


def identifier(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def csv(numbers):
    return ["id", *(identifier(number) for number in numbers)]


def tables(rows):
    return "".join(
        f'[table.{name}]\nsource = "ids.csv"\nrule = "{rule}"\nminimum = 1\nruns = {{}}\n'
        f'[[table.{name}.key]]\ncolumns = ["id"]\nkinds = ["text"]\nunique = true\n'
        f"identities = {rows}\n"
        for name, rule in [("counted", "aggregation"), ("listed", "list")]
    )


def ask(nodes, what, output, shared):
    anna = nodes[0]
    for node in nodes:
        node.reset_peak()
    before = idle(nodes)
    started = time.monotonic()
    query = ["query", "--collab", "bench", "--format", "json"]
    if what == "count":
        document = json.loads(anna.run(*query, "SELECT COUNT(*) " + FROM.format("counted")))
        assert document["rows"] == [[shared]], document
    else:
        sql = "SELECT a.id " + FROM.format("listed")
        document = json.loads(anna.run(*query, "--output", output, "--force", sql))
        with open(output) as file:
            lines = file.read().split()
        assert lines[0] == "id" and set(lines[1:]) == {identifier(n) for n in range(shared)}
        assert len(lines) == shared + 1
    wall = time.monotonic() - started
    cpu = idle(nodes) - before
    stats = document["stats"]
    peaks = " / ".join(f"{node.peak_mb():.0f}" for node in nodes)
    return cpu, stats["bytes_sent"], stats["bytes_received"], peaks, wall


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the psi-node to run")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    rows, shared = arguments.rows, arguments.rows // 2
    files = [csv(range(rows)), csv([*range(shared), *range(rows, 2 * rows - shared)])]
    with serving(arguments.program, files, tables(rows)) as (nodes, folder):
        print("| asked | CPU s, both | bytes from the asker | bytes to it | peak MB | wall s |")
        print("|---|---|---|---|---|---|")
        for _ in range(arguments.repeat):
            for what in ["count", "list"]:
                output = os.path.join(folder, "matches.csv")
                cpu, sent, received, peaks, wall = ask(nodes, what, output, shared)
                print(
                    f"| {what} | {cpu:.2f} | {sent:,} | {received:,} | {peaks} | {wall:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
