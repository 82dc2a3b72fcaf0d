//! What is said about a configuration: in the words of the documentation, not those of Rust.

use std::path::Path;

use crate::config::NodeConfig;

/// What is said about a configuration, without its place.
fn said(lines: &str) -> String {
    let text = format!("name = \"b\"\nlisten = \"127.0.0.1:1\"\n{lines}\n");
    let error = NodeConfig::parse(&text, Path::new("node.toml")).unwrap_err();
    let place = |what: &str| {
        what.splitn(4, ':')
            .nth(3)
            .map(|what| what.trim().to_owned())
    };
    place(&error.what).unwrap_or(error.what)
}

#[test]
fn errors_of_a_configuration_do_not_speak_rust() {
    for (lines, expected) in [
        (
            "jobs_max = \"4\"",
            "a whole number, 0 or more belongs here, not the text \"4\": write 4 without quotes",
        ),
        (
            "jobs_max = -1",
            "a whole number, 0 or more belongs here, not the number -1",
        ),
        (
            "jobs_max = 1.5",
            "a whole number, 0 or more belongs here, not the number 1.5",
        ),
        (
            "jobs_max = true",
            "a whole number, 0 or more belongs here, not `true`",
        ),
        (
            "state_dir = 3",
            "text in double quotes belongs here, not the number 3",
        ),
        (
            "state_dir = []",
            "text in double quotes belongs here, not a list",
        ),
        ("table = 3", "a section belongs here, not the number 3"),
        (
            "[table.t]\nsource = \"t.csv\"\nkey = \"k\"",
            "a list in square brackets belongs here, not the text \"k\"",
        ),
        (
            "[table.t]\nminimum = 3",
            "node.toml: table.t.source: the table says neither by `source` nor by `sql` where its rows \
             are",
        ),
        (
            "[table.t]\nsource = \"t.csv\"\nrule = \"free\"",
            "unknown word `free`; known here are `aggregation`, `custom`, `list`",
        ),
    ] {
        assert_eq!(said(lines), expected, "{lines}");
    }
    for (lines, expected) in [
        (
            "source = \"t.csv\"\n[table.t]\n",
            "`source` is a setting of a table, and no table begins above it",
        ),
        (
            "key = \"x\"",
            "`key` is a setting of a table, and no table begins above it",
        ),
    ] {
        assert_eq!(said(lines), expected, "{lines}");
    }
    let unclosed = said("[table.t\nsource = \"t.csv\"");
    assert_eq!(unclosed, "unclosed table, expected `]`");
    let unknown = said("job_max = 3");
    assert!(
        unknown.starts_with(
            "unknown setting `job_max`; did you mean `jobs_max`? known here are `name`, `listen`"
        ),
        "{unknown}"
    );
}

#[test]
fn text_without_quotes_is_named_with_its_place_and_what_to_write() {
    for (line, place, remedy) in [
        ("name = brand", "node.toml:1:8", "write \"brand\""),
        (
            "name = Brand GmbH # us",
            "node.toml:1:8",
            "write \"Brand GmbH\"",
        ),
        (
            "listen = 127.0.0.1:7601",
            "node.toml:1:",
            "write \"127.0.0.1:7601\"",
        ),
        ("memory_limit = 2GiB", "node.toml:1:", "write \"2GiB\""),
        (
            "[table.t]\nfilter = [since, region]",
            "node.toml:2:11",
            "write \"since\"",
        ),
        (
            "[table.t]\nfilter = [true_name]",
            "node.toml:2:",
            "write \"true_name\"",
        ),
    ] {
        let error = NodeConfig::parse(line, Path::new("node.toml")).unwrap_err();
        assert!(error.what.starts_with(place), "{line}: {}", error.what);
        let says = "text must be in double quotes";
        assert!(error.what.ends_with(says), "{line}: {}", error.what);
        assert_eq!(error.remedy, remedy, "{line}");
    }
    // Another slip has another message.
    let error = NodeConfig::parse("name = \"b", Path::new("node.toml")).unwrap_err();
    assert!(!error.what.contains("double quotes"), "{}", error.what);
}

#[test]
fn a_name_to_listen_on_is_refused_with_addresses_to_choose_from() {
    let text = "name = \"b\"\nlisten = \"localhost:7611\"\n";
    let error = NodeConfig::parse(text, Path::new("node.toml")).unwrap_err();
    for part in [
        "node.toml:2",
        "an IP address and a port",
        "\"0.0.0.0:7601\"",
        "localhost:7611",
    ] {
        assert!(error.what.contains(part), "{}", error.what);
    }
}
