//! CSV files that are packed, and files that are not what their names say.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use psi_core::identifier::IdentifierKind;

use crate::testing::{Folder, digests, expected};

const KEY: &str = "[[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\n";

fn table(source: &str) -> String {
    format!("[table.t]\nsource = '{source}'\nfilter = ['x']\n{KEY}")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

/// A frame whose window is so large as a power of two.
fn zstd_of_window(text: &str, window: u32) -> Vec<u8> {
    let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
    packed.window_log(window).unwrap();
    packed.include_contentsize(false).unwrap();
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

async fn problem(folder: &Folder, source: &str) -> String {
    let (_, report) = folder.try_load(&table(source)).await.unwrap();
    let problems = &report.tables[0].problems;
    problems
        .first()
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[tokio::test]
async fn packed_files_are_read_alone_and_in_folders_in_pieces_and_with_a_byte_order_mark() {
    let folder = Folder::new();
    let in_pieces =
        |pack: fn(&str) -> Vec<u8>| [pack("\u{feff}id,x"), pack("\n1,5\n2,"), pack("6\n")].concat();
    folder.write_bytes("a.csv.gz", &in_pieces(gzip));
    folder.write_bytes("a.csv.zst", &in_pieces(zstd));
    folder.write_bytes("A.CSV.GZ", &in_pieces(gzip));
    for source in ["a.csv.gz", "a.csv.zst", "A.CSV.GZ"] {
        let catalog = folder.load(&table(source)).await;
        let ids = expected(IdentifierKind::Int, &["1", "2"]);
        assert_eq!(digests(&catalog, "").await, ids, "{source}");
        assert_eq!(
            digests(&catalog, "b.x = 6").await,
            ids_of(&["2"]),
            "{source}"
        );
    }
    folder.write_bytes("d/a.csv.gz", &gzip("id,x\n1,1\n"));
    folder.write_bytes("d/day=1/b.csv.zst", &zstd("id,x\n2,2\n"));
    assert!(
        problem(&folder, "d")
            .await
            .contains("in no folder `key=value`")
    );
    std::fs::remove_file(folder.path("d/a.csv.gz")).unwrap();
    folder.write_bytes("d/day=2/a.csv.gz", &gzip("id,x\n1,1\n"));
    folder.write("d/day=3/c.csv", "id,x\n3,3\n");
    let catalog = folder.load(&table("d")).await;
    assert_eq!(digests(&catalog, "").await, ids_of(&["1", "2", "3"]));
    // Packed again with other rows, it is another file.
    folder.write_bytes("d/day=2/a.csv.gz", &gzip("id,x\n9,9\n"));
    catalog.refresh("t").await.unwrap();
    assert_eq!(digests(&catalog, "").await, ids_of(&["9", "2", "3"]));
}

fn ids_of(values: &[&str]) -> Vec<[u8; 32]> {
    expected(IdentifierKind::Int, values)
}

#[tokio::test]
async fn a_large_packed_file_is_read_in_batches() {
    let folder = Folder::new();
    let rows: Vec<String> = (0..100_000)
        .map(|id| format!("{id},{}\n", id % 7))
        .collect();
    let text = format!("id,x\n{}", rows.concat());
    folder.write_bytes("a.csv.gz", &gzip(&text));
    folder.write_bytes("a.csv.zst", &zstd_of_window(&text, 27));
    for source in ["a.csv.gz", "a.csv.zst"] {
        let catalog = folder.load(&table(source)).await;
        assert_eq!(digests(&catalog, "").await.len(), 100_000, "{source}");
        assert_eq!(digests(&catalog, "b.x = 0").await.len(), 14_286, "{source}");
    }
}

#[tokio::test]
async fn what_cannot_be_unpacked_says_so() {
    let folder = Folder::new();
    let text = format!("id,x\n{}", "1,2\n".repeat(50_000));
    let (gz, zst) = (gzip(&text), zstd(&text));
    let damaged = |packed: &[u8]| {
        let mut packed = packed.to_vec();
        let middle = packed.len() / 2;
        packed[middle] ^= 0xff;
        packed
    };
    for (name, bytes, says) in [
        ("cut.csv.gz", gz[..gz.len() - 9].to_vec(), "cut short"),
        ("cut.csv.zst", zst[..zst.len() - 9].to_vec(), "cut short"),
        ("bad.csv.gz", damaged(&gz), "damaged"),
        ("bad.csv.zst", damaged(&zst), "damaged"),
        ("no.csv.gz", text.clone().into_bytes(), "not gzip"),
        ("no.csv.zst", text.clone().into_bytes(), "not zstd"),
        (
            "more.csv.gz",
            [gz.clone(), b"id,x\n".to_vec()].concat(),
            "damaged",
        ),
        ("wide.csv.zst", zstd_of_window(&text, 28), "128 MiB"),
        ("empty.csv.gz", gzip(""), "is empty"),
        ("packed.csv", gz.clone(), "is packed by gzip"),
        ("packed2.csv", zst.clone(), "is packed by zstd"),
    ] {
        folder.write_bytes(name, &bytes);
        let found = problem(&folder, name).await;
        assert!(
            found.contains(says) && found.contains(name),
            "{name}: {found}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_not_what_its_name_says_is_refused_with_the_likely_cause() {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let cases: [(&[u8], &str); 12] = [
        (b"id;x\n1;0,5\n", "semicolons, not by commas"),
        (b"\"id\";\"x\"\n1;0,5\n", "semicolons"),
        (b"id\tx\n1\t2\n", "by tabs"),
        (b"id|x\n1|2\n", "by vertical bars"),
        (b"sep=,\nid,x\n1,2\n", "begins with a line `sep=`"),
        (
            b"\xef\xbb\xbfsep=;\r\nid;x\r\n",
            "begins with a line `sep=`",
        ),
        (&wide("\u{feff}id,x\n1,2\n"), "is UTF-16"),
        (&wide("id,x\n1,2\n"), "is UTF-16"),
        (b"PK\x03\x04", "workbook"),
        (b"PAR1", "is Parquet"),
        (b"id,stra\xdfe\n1,2\n", "is not UTF-8"),
        (b"id,x\n1,a\n2,stra\xdfe\n", "line 3 is not UTF-8"),
    ];
    for (bytes, says) in cases {
        let folder = Folder::new();
        folder.write_bytes("t.csv", bytes);
        let found = problem(&folder, "t.csv").await;
        assert!(found.contains(says), "{says}: {found}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_a_quoted_name_is_no_part_of_it() {
    let folder = Folder::new();
    folder.write("t.csv", "\u{feff}\"id\",\"x\"\r\n1,2\r\n");
    let catalog = folder.load(&table("t.csv")).await;
    assert_eq!(digests(&catalog, "b.x = 2").await, ids_of(&["1"]));
}

#[tokio::test]
async fn a_column_without_a_name_is_left_out_with_a_note() {
    let folder = Folder::new();
    folder.write("t.csv", ",id,x,\n0,1,5,\n1,2,6,z\n");
    let (catalog, report) = folder.try_load(&table("t.csv")).await.unwrap();
    let found = &report.tables[0];
    assert!(found.is_served(), "{found:?}");
    let names: Vec<&str> = found
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["id", "x"]);
    assert!(
        found
            .notes
            .contains(&"column 1 has no name and is left out".to_owned())
    );
    assert!(
        found
            .notes
            .contains(&"column 4 has no name and is left out".to_owned())
    );
    assert_eq!(digests(&catalog, "b.x = 6").await, ids_of(&["2"]));
}
