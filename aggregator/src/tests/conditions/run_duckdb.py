"""Runs conditions in DuckDB for duckdb.rs.

Each line of the input is an object with the path of a Parquet file, what to select from it, and
conditions. Each line of the output is a list: for a condition the numbers of the rows for which it
is TRUE, or the text of the error.
"""

import json
import sys

import duckdb

for line in sys.stdin:
    table = json.loads(line)
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE t AS SELECT " + table["select"] + " FROM read_parquet(?)", [table["file"]]
    )
    answers = []
    for condition in table["conditions"]:
        try:
            rows = connection.execute(f"SELECT id FROM t WHERE {condition} ORDER BY id").fetchall()
            answers.append([row[0] for row in rows])
        except duckdb.Error as error:
            answers.append(str(error))
    print(json.dumps(answers), flush=True)
