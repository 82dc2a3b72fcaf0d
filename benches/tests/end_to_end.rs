//! A small run of the harness: the answer, the shape of its results, and what is made of them.
//! Asserts no time. No test needs Python: a shell script is in its place.
//!
//! The node is the `psi-node` beside `end_to_end`, which `cargo test --workspace` builds. With this
//! package alone it is the one that was built last, if any.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn end_to_end(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_end_to_end"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary starts")
}

#[track_caller]
fn stdout(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_small_run_checks_the_answer_and_gives_results_that_can_be_shown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = "--rows 300 --rows 3k --repeat 2 --floor-seconds 0.1 --timeout 120 --format json \
               --json results.json";
    let output = end_to_end(&run.split_whitespace().collect::<Vec<_>>(), folder);
    let text = stdout(&output);
    assert_eq!(
        fs::read_to_string(folder.join("results.json")).unwrap(),
        text
    );
    let report: Value = serde_json::from_str(&text).unwrap();
    let runs = report["runs"].as_array().unwrap();
    let kernels: Vec<&str> = runs
        .iter()
        .filter_map(|run| run["kernel"].as_str())
        .collect();
    assert!(kernels.contains(&"portable"));
    for run in runs {
        let rows = run["rows"]["receiver"].as_u64().unwrap();
        assert_eq!(run["shared"].as_u64(), Some(rows / 2));
        let queries = run["queries"].as_array().unwrap();
        assert_eq!(queries.len(), 2);
        for query in queries {
            let number = |value: &Value| value.as_f64().unwrap_or(0.0);
            for name in [
                "wall_seconds",
                "cpu_us_per_element",
                "floor_us_per_element",
                "floor_ratio",
                "cores_busy",
            ] {
                assert!(number(&query[name]) > 0.0, "{name}: {query}");
            }
            // Two points of 32 bytes and a tag for each pair of elements, and the canaries.
            let stream = number(&query["stream_bytes_per_element"]);
            assert!((32.0..160.0).contains(&stream), "{query}");
            assert!(number(&query["udp_bytes_per_element"]) > stream, "{query}");
            for role in ["receiver", "sender"] {
                let node = &query["nodes"][role];
                let peak = node["peak_rss_bytes"].as_u64();
                assert!(peak > Some(1 << 20), "{node}");
                assert!(node["life_peak_rss_bytes"].as_u64() >= peak, "{node}");
            }
        }
    }

    let table = stdout(&end_to_end(&["table", "results.json"], folder));
    assert!(
        table.contains("3k x 3k") && table.contains("portable"),
        "{table}"
    );
    let sizing = stdout(&end_to_end(&["sizing", "results.json"], folder));
    assert!(sizing.contains("extrapolated"), "{sizing}");
}

#[test]
fn sums_and_groups_are_measured_beside_the_count() {
    let folder = tempfile::tempdir().unwrap();
    let run = "--rows 2k --kernel portable --sum --groups 3 --floor-seconds 0.1 --timeout 120 \
               --format json --json results.json";
    let output = end_to_end(&run.split_whitespace().collect::<Vec<_>>(), folder.path());
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let asked = |run: &Value| {
        (
            run["question"]["sum"].as_bool(),
            run["question"]["groups"].as_u64(),
        )
    };
    let runs = report["runs"].as_array().unwrap();
    let expected = [(false, 0), (true, 0), (false, 3), (true, 3)];
    let expected = expected.map(|(sum, groups)| (Some(sum), Some(groups)));
    assert_eq!(runs.iter().map(asked).collect::<Vec<_>>(), expected);
    // 16 bytes up and 8 down for each component, and what is sent once.
    let bytes = |run: &Value| {
        run["queries"][0]["stream_bytes_per_element"]
            .as_f64()
            .unwrap()
    };
    let added = (bytes(&runs[1]) - bytes(&runs[0])) * 2.0;
    assert!((24.0..40.0).contains(&added), "{added}");
    let table = stdout(&end_to_end(&["table", "results.json"], folder.path()));
    assert!(table.contains("sum by 3 groups"), "{table}");
}

#[test]
fn either_of_two_unequal_tables_can_be_the_receivers() {
    let folder = tempfile::tempdir().unwrap();
    for (receiver, sender) in [("50", "2k"), ("2k", "50")] {
        let sizes = ["--receiver-rows", receiver, "--sender-rows", sender];
        let rest = [
            "--source",
            "csv",
            "--id-kind",
            "int",
            "--kernel",
            "portable",
        ];
        let brief = [
            "--floor-seconds",
            "0",
            "--overlap",
            "20",
            "--format",
            "json",
        ];
        let output = end_to_end(&[&sizes[..], &rest, &brief].concat(), folder.path());
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(report["runs"][0]["shared"], 20);
    }
}

/// Makes environments like Python, installs anything but `spu`, and answers for any script.
fn write_python(file: &Path, answer: u64) {
    let half = r#"{"cpu_seconds": 0.25, "wall_seconds": 0.5, "peak_rss_bytes": 7000000}"#;
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in\n\
         '-m venv'*) mkdir -p \"$3/bin\" && cp \"$0\" \"$3/bin/python\" ;;\n\
         '-m pip'*spu) echo 'no such package' >&2; exit 1 ;;\n\
         '-m pip'*) ;;\n\
         *) echo '{{\"answer\": {answer}, \"message_bytes\": 6000, \"receiver\": {half}, \
         \"sender\": {half}}}' ;;\nesac\n"
    );
    fs::write(file, text).expect("a file can be written");
    fs::set_permissions(file, fs::Permissions::from_mode(0o700)).expect("its mode can be set");
}

const COMPARE: &str = "compare --rows 100 --kernel portable --floor-seconds 0 --repeat 2 \
                       --timeout 120 --environment environment --json results.json";

#[test]
fn other_programs_take_turns_and_one_that_cannot_be_installed_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_python(&folder.join("python"), 50);
    let mut arguments: Vec<&str> = COMPARE.split_whitespace().collect();
    arguments.extend(["--python", "./python"]);
    let output = end_to_end(&arguments, folder);
    let table = stdout(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("going on without spu"), "{said}");
    let row = table.lines().find(|line| line.contains("OpenMined"));
    let row = row.unwrap_or_else(|| panic!("{table}"));
    // Half a second of both for 200 elements, twice.
    for cell in [
        "2500.00",
        "0.25 / 0.25",
        "30.0",
        "7 / 7",
        "how many",
        "2500.00, 2500.00",
    ] {
        assert!(row.contains(cell), "{cell}: {row}");
    }
    assert!(table.contains("Glovebox, portable") && !table.contains("SecretFlow"));
    let text = fs::read_to_string(folder.join("results.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["runs"][0]["queries"].as_array().unwrap().len(), 2);
    assert_eq!(report["peers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_wrong_answer_of_another_program_is_told_and_none_needs_python() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_python(&folder.join("python"), 51);
    let mut arguments: Vec<&str> = COMPARE.split_whitespace().collect();
    arguments.extend(["--python", "./python"]);
    let output = end_to_end(&arguments, folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("answers 51"), "{said}");

    fs::remove_dir_all(folder.join("environment")).unwrap();
    arguments.pop();
    arguments.push("./no-python");
    let output = end_to_end(&arguments, folder);
    let table = stdout(&output);
    assert!(
        table.contains("portable") && !table.contains("OpenMined"),
        "{table}"
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-python"));
}

#[test]
fn bad_usage_is_told_from_failure_by_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("no.json"), "{}").unwrap();
    for arguments in [
        &["--rows", "many"][..],
        &["--rows", "10", "--overlap", "11"],
        &["--kernel", "slide rule"],
        &["--node", "nowhere/psi-node"],
        &["sizing", "no.json"],
        &["compare", "--program", "none"],
        &["table"],
    ] {
        let output = end_to_end(arguments, folder.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}
