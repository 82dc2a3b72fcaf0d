//! Defaults, ranges and errors with their place.

mod wording;

use super::*;

fn parse(text: &str) -> Result<NodeConfig, UserError> {
    NodeConfig::parse(text, Path::new("/somewhere/node.toml"))
}

#[test]
fn defaults_hold_and_paths_start_at_the_file() {
    let config = parse("name = \"brand\"\nlisten = \"127.0.0.1:7402\"\n").unwrap();
    assert_eq!(
        (
            config.jobs_max,
            config.peer_timeout_s,
            config.connect_timeout_s
        ),
        (8, 60, 60)
    );
    assert_eq!(config.state_dir(), Path::new("/somewhere/state"));
    assert_eq!(config.key_path(), Path::new("/somewhere/node.key"));
    assert!(config.table.is_empty());
}

#[test]
fn errors_name_the_line_and_the_column() {
    let error = parse("name = \"brand\"\nlisten = \"nowhere\"\n").unwrap_err();
    assert!(
        error.what.starts_with("/somewhere/node.toml:2:10: "),
        "{}",
        error.what
    );
    let error = parse("name = \"b\"\nlisten = \"127.0.0.1:1\"\njob_max = 3\n").unwrap_err();
    assert!(
        error
            .what
            .starts_with("/somewhere/node.toml:3:1: unknown setting"),
        "{}",
        error.what
    );
    let error = parse("name = \"brand\"\n").unwrap_err();
    assert!(
        error.what.contains("the setting `listen` is missing"),
        "{}",
        error.what
    );
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    for line in [
        "jobs_max = 1",
        "peer_timeout_s = 0",
        "connect_timeout_s = 99999999",
        "jobs_max = 65",
        "epsilon_min = -1.0",
        "epsilon_min = nan",
    ] {
        let text = format!("name = \"b\"\nlisten = \"127.0.0.1:1\"\n{line}\n");
        assert!(parse(&text).unwrap_err().remedy.contains(" to "), "{line}");
    }
}

#[test]
fn memory_is_written_with_a_unit_and_has_a_lower_bound() {
    let with = |line: &str| parse(&format!("name = \"b\"\nlisten = \"127.0.0.1:1\"\n{line}\n"));
    assert_eq!(with("").unwrap().memory_limit, ByteSize::mib(512));
    let config = with("memory_limit = \"2GiB\"\ndisk_limit = \"10 GB\"").unwrap();
    assert_eq!(config.memory_limit, ByteSize::gib(2));
    assert_eq!(config.disk_limit, Some(ByteSize::gb(10)));
    let error = with("memory_limit = \"100MiB\"").unwrap_err();
    assert!(error.remedy.contains("232"), "{}", error.remedy);
    // Without a number of jobs, as many as the limit has room for.
    assert_eq!(with("memory_limit = \"300MiB\"").unwrap().jobs_max, 3);
    assert!(with("memory_limit = \"300MiB\"\njobs_max = 8").is_err());
    assert!(
        with("jobs_max = 64").is_err(),
        "too many for the default limit"
    );
    assert!(with("memory_limit = \"lots\"").is_err());
}

#[test]
fn records_for_an_auditor_need_a_time_and_a_key() {
    let key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let with = |lines: &str| {
        parse(&format!(
            "name = \"b\"\nlisten = \"127.0.0.1:1\"\n{lines}\n"
        ))
    };
    let both = format!("retain_for_audit = \"90d\"\nauditor = \"{key}\"");
    assert_eq!(with(&both).unwrap().retain_for_audit.unwrap().days(), 90);
    assert!(with("").unwrap().auditor.is_none());
    for half in [both.lines().next().unwrap(), both.lines().nth(1).unwrap()] {
        assert!(with(half).unwrap_err().remedy.contains("both"), "{half}");
    }
    for wrong in ["90", "0d", "3651d", "-1d", "90 d", ""] {
        let error = with(&both.replace("90d", wrong)).unwrap_err();
        assert!(error.what.contains("number of days"), "{}", error.what);
    }
    let error = with(&both.replace("age1q", "age1p")).unwrap_err();
    assert!(error.what.contains(":4:"), "{}", error.what);
}
