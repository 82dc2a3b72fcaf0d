//! Test files of bytes: hex with a comment per field or frame, so that they read as documentation.
//!
//! Everything from `#` to the end of a line is a comment; white space means nothing. The comments
//! at the top may hold fields, `# name: value`. The tests check that the committed files equal what
//! they make; `GLOVEBOX_REGENERATE=1 cargo test -p psi-core` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Bytes on one line.
const LINE_BYTES: usize = 32;

/// A file of bytes that is being made.
pub(crate) struct Fixture {
    head: Vec<String>,
    pieces: Vec<(String, Vec<u8>)>,
}

impl Fixture {
    pub(crate) fn new(head: impl IntoIterator<Item = String>) -> Self {
        let head = head.into_iter().collect();
        let pieces = Vec::new();
        Self { head, pieces }
    }

    pub(crate) fn piece(&mut self, label: impl Into<String>, bytes: impl AsRef<[u8]>) {
        self.pieces.push((label.into(), bytes.as_ref().to_vec()));
    }

    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for line in &self.head {
            writeln!(text, "# {line}").unwrap();
        }
        for (label, bytes) in &self.pieces {
            if bytes.is_empty() {
                writeln!(text, "{:24}# {label}", "").unwrap();
            }
            for (number, line) in bytes.chunks(LINE_BYTES).enumerate() {
                let hex = hex::encode(line);
                if number == 0 {
                    writeln!(text, "{hex:<22}  # {label}").unwrap();
                } else {
                    writeln!(text, "{hex}").unwrap();
                }
            }
        }
        text
    }
}

/// The bytes of a file.
pub(crate) fn parse(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .flat_map(|line| line.split('#').take(1))
        .flat_map(str::split_whitespace)
        .collect();
    hex::decode(digits).unwrap()
}

/// The value of the field `name` in the comments at the top.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .map_while(|line| line.strip_prefix("# "))
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

/// All files of a folder of test data, by name: each one's name without `.hex`, and its text.
pub(crate) fn read_all(name: &str) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "hex"))
        .map(|path| {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (stem, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Asserts that a folder holds exactly `files`, or writes them there if the environment says so.
pub(crate) fn check_folder(name: &str, mut files: Vec<(String, String)>) {
    files.sort();
    if std::env::var_os("GLOVEBOX_REGENERATE").is_some() {
        for (old, _) in read_all(name) {
            fs::remove_file(folder(name).join(format!("{old}.hex"))).unwrap();
        }
        for (stem, text) in &files {
            fs::write(folder(name).join(format!("{stem}.hex")), text).unwrap();
        }
    }
    let committed = read_all(name);
    let names = |files: &[(String, String)]| -> Vec<String> {
        files.iter().map(|(stem, _)| stem.clone()).collect()
    };
    assert_eq!(names(&committed), names(&files), "the files of {name}");
    for ((stem, committed), (_, made)) in committed.iter().zip(&files) {
        assert_eq!(
            committed, made,
            "{name}/{stem}.hex is not what its test makes"
        );
    }
}
