"""Small questions: how long a warm pair of nodes takes from the command line to the printed answer.

    python3 benches/compare/small.py target/release/psi-node --rows 100 --rows 5000

Several programs take turns in one run, so that two builds can be compared on a noisy machine. The
time is that of the whole `psi-node query`, from its start to its end, both nodes on this machine.
The pauses between the questions differ, so that no clock of a node falls in step with them. All
answers are checked. Prints a Markdown table; `CPU` is that of both nodes and the command.
"""

import argparse
import json
import resource
import statistics
import time
from contextlib import ExitStack

from nodes import serving

SQL = "SELECT COUNT(*) FROM anna.people a JOIN bert.people b ON a.id = b.id"


def table(rows):
    return (
        '[table.people]\nsource = "ids.csv"\nminimum = 1\nruns = { day = 100000 }\n'
        '[[table.people.key]]\ncolumns = ["id"]\nkinds = ["text"]\nunique = true\n'
        f"identities = {rows}\n"
    )


def cpu(nodes):
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(node.cpu_seconds() for node in nodes) + children.ru_utime + children.ru_stime


def ask(nodes, expected):
    begun = time.monotonic()
    document = json.loads(nodes[0].run("query", "--collab", "bench", "--format", "json", SQL))
    taken = time.monotonic() - begun
    assert document["rows"] == [[expected]], document
    return taken * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="+", help="the builds of psi-node to run, in turn")
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--repeat", type=int, default=12)
    arguments = parser.parse_args()
    print("| program | rows a side | ms, median | minimum | maximum | CPU ms, mean |")
    print("|---|---|---|---|---|---|")
    for rows in arguments.rows or [100, 5000]:
        shared = rows // 2
        numbers = [range(rows), [*range(shared), *range(rows, 2 * rows - shared)]]
        files = [["id", *(f"person {number}" for number in side)] for side in numbers]
        with ExitStack() as stack:
            running = [
                stack.enter_context(serving(program, files, table(rows)))[0]
                for program in arguments.program
            ]
            for nodes in running:
                ask(nodes, shared)  # the first one finds nothing warm
            times = [[] for _ in running]
            spent = [0.0 for _ in running]
            for run in range(arguments.repeat):
                for which, nodes in enumerate(running):
                    time.sleep(0.1 + 0.083 * (run % 11))
                    before = cpu(nodes)
                    times[which].append(ask(nodes, shared))
                    spent[which] += cpu(nodes) - before
            for program, taken, seconds in zip(arguments.program, times, spent):
                print(
                    f"| {program} | {rows:,} | {statistics.median(taken):.0f} | {min(taken):.0f} "
                    f"| {max(taken):.0f} | {seconds / arguments.repeat * 1000:.0f} |"
                )


if __name__ == "__main__":
    main()
