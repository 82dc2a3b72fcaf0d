//! Files of lists: wholly or not at all, and never over another file by accident.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use tempfile::TempDir;

use super::{ListFile, ListFormat, Place, place_of};
use crate::job::failure::Failure;

fn file(path: &Path, overwrite: bool) -> ListFile {
    ListFile {
        path: path.to_owned(),
        overwrite,
    }
}

fn place(path: &Path, overwrite: bool) -> Place {
    place_of(&file(path, overwrite)).unwrap()
}

/// What is wrong with a place, and what to do.
fn refusal(path: &Path, overwrite: bool) -> (String, String) {
    match place_of(&file(path, overwrite)) {
        Err(Failure::Input { what, remedy }) => (what, remedy),
        Err(other) => panic!("{}: {other}", path.display()),
        Ok(_) => panic!("{}: accepted", path.display()),
    }
}

/// The names in a folder, of temporary files too.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Writes half a list and fails.
fn half(place: &Place) -> Failure {
    let failed = place.fill(|mut file| {
        file.write_all(b"name\nperson-1\n")?;
        Err(Failure::OwnData("the table is gone".into()))
    });
    failed.unwrap_err()
}

#[test]
fn places_that_cannot_be_written_are_refused_before_anything_is_asked() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("there.csv"), "old").unwrap();
    fs::create_dir(at("folder.csv")).unwrap();
    symlink(at("nowhere"), at("link.csv")).unwrap();
    for (path, overwrite, what, remedy) in [
        (at("list.txt"), false, "neither .csv nor .parquet", "ending"),
        (at("list"), false, "neither .csv nor .parquet", "ending"),
        (
            "list.csv".into(),
            false,
            "not an absolute path",
            "whole path",
        ),
        (at("none/list.csv"), false, "does not exist", "make it"),
        (at("folder.csv"), true, "is a folder", "name a file"),
        (at("there.csv"), false, "exists already", "--force"),
        (at("link.csv"), false, "exists already", "--force"),
    ] {
        let (said, advice) = refusal(&path, overwrite);
        assert!(
            said.contains(what) && advice.contains(remedy),
            "{said}; {advice}"
        );
    }
    assert!(place(&at("list.csv"), false).format == ListFormat::Csv);
    assert!(place(&at("there.csv"), true).format == ListFormat::Csv);
    assert!(place(&at("list.parquet"), false).format == ListFormat::Parquet);
}

#[test]
fn a_list_that_fails_half_way_leaves_no_file_and_the_old_one_as_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("list.csv");
    let failure = half(&place(&path, false));
    assert!(matches!(failure, Failure::OwnData(_)), "{failure}");
    assert_eq!(names(&folder), [""; 0]);

    fs::write(&path, "old").unwrap();
    half(&place(&path, true));
    assert_eq!(names(&folder), ["list.csv"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn a_file_that_appears_while_the_job_runs_is_not_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("list.csv");
    let place = place(&path, false);
    fs::write(&path, "another's").unwrap();
    let failed = place.fill(|mut file| {
        file.write_all(b"name\n")?;
        Ok(0)
    });
    assert!(matches!(failed, Err(Failure::NotWritten(_))));
    assert_eq!(names(&folder), ["list.csv"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "another's");
}

#[test]
fn a_whole_list_is_for_its_user_alone_and_replaces_a_file_where_that_was_asked() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("list.csv");
    for overwrite in [false, true] {
        let place = place(&path, overwrite);
        let filled = place.fill(|mut file| {
            writeln!(file, "name\n{overwrite}")?;
            Ok(1)
        });
        assert_eq!(filled.unwrap(), 1);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("name\n{overwrite}\n")
        );
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    assert_eq!(names(&folder), ["list.csv"]);
}
