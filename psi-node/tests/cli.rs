//! The command line as its users meet it: a process, its output and its exit code.
//!
//! No daemon runs here; commands that need one are tested with two nodes in the package psi-tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder for one test, and the commands that run in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program in the folder with arguments separated by blanks.
    fn run(&self, arguments: &str) -> Run {
        self.run_with(arguments.split_whitespace())
    }

    fn run_with<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(env!("CARGO_BIN_EXE_psi-node"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run {
            code: status.code().unwrap(),
            out: text(stdout),
            err: text(stderr),
        }
    }

    fn init(&self, name: &str, port: u16) -> String {
        self.run(&format!(
            "init {name} --name {name} --listen 127.0.0.1:{port}"
        ))
        .succeeds();
        self.run(&format!("id --config {name}/node.toml"))
            .succeeds()
            .trim()
            .to_owned()
    }

    /// Two nodes, `brand` and `snowy`, and an unsigned document `summer.toml` between them.
    fn with_document() -> Self {
        let place = Self::new();
        let (brand, snowy) = (place.init("brand", 7402), place.init("snowy", 7401));
        place
            .run(&format!(
                "collab new --name summer --member snowy={snowy}@127.0.0.1:7401 \
                 --member brand={brand}@127.0.0.1:7402 -o summer.toml"
            ))
            .succeeds();
        place
    }

    /// Both nodes have joined `summer`.
    fn with_collaboration() -> Self {
        let place = Self::with_document();
        for name in ["snowy", "brand"] {
            place
                .run(&format!(
                    "collab sign summer.toml --config {name}/node.toml"
                ))
                .succeeds();
        }
        for name in ["snowy", "brand"] {
            place
                .run(&format!(
                    "collab join summer.toml --config {name}/node.toml"
                ))
                .succeeds();
        }
        place
    }
}

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    #[track_caller]
    fn succeeds(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        assert_eq!(self.err, "");
        self.out
    }

    /// The command exits with `code` and prints an error that says `what`, and a help.
    #[track_caller]
    fn fails(self, code: i32, what: &str) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        let (error, help) = self
            .err
            .split_once("\nhelp: ")
            .expect("an error and a help");
        assert!(
            error.starts_with("error: ") && error.contains(what),
            "{}",
            self.err
        );
        assert!(help.trim().len() > 10, "{}", self.err);
        help.to_owned()
    }

    #[track_caller]
    fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.succeeds()).unwrap()
    }
}

fn edit(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{old} is not in {}", path.display());
    fs::write(path, text.replacen(old, new, 1)).unwrap();
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).unwrap();
    fs::write(path, before + text).unwrap();
}

#[test]
fn help_lists_every_command_and_the_exit_codes() {
    let help = Place::new().run("--help").succeeds();
    for word in [
        "init",
        "id",
        "collab",
        "check",
        "serve",
        "query",
        "jobs",
        "receipts",
        "demo",
        "budget",
        "completions",
        "Exit codes",
        "9 no daemon running",
    ] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
}

#[test]
fn usage_errors_exit_with_2() {
    let place = Place::new();
    for wrong in [
        "",
        "nothing",
        "init",
        "collab new",
        "receipts verify",
        "id --nothing",
    ] {
        assert_eq!(place.run(wrong).code, 2, "{wrong}");
    }
}

#[test]
fn init_makes_a_private_key_and_a_configuration_and_overwrites_neither() {
    let place = Place::new();
    let out = place
        .run("init node --name brand --listen 127.0.0.1:7402")
        .succeeds();
    let id = place.run("id --config node/node.toml").succeeds();
    assert_eq!(id.trim().len(), 64);
    assert!(out.contains(id.trim()), "{out}");
    let key = place.path("node/node.key");
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = (
        fs::read(&key).unwrap(),
        fs::read(place.path("node/node.toml")).unwrap(),
    );
    place
        .run("init node --name other --listen 127.0.0.1:1")
        .fails(2, "exists already");
    fs::remove_file(place.path("node/node.toml")).unwrap();
    place
        .run("init node --name other --listen 127.0.0.1:1")
        .fails(2, "node.key exists already");
    assert_eq!(fs::read(&key).unwrap(), before.0);
    place
        .run("init other --name Other --listen 127.0.0.1:1")
        .fails(2, "is not a name");
    assert!(!place.path("other").exists());
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_helps() {
    let place = Place::new();
    place.init("node", 7402);
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(place.path("node/node.key"), mode).unwrap();
    let help = place
        .run("id --config node/node.toml")
        .fails(2, "mode 0644");
    assert!(help.contains("chmod 600"), "{help}");
}

#[test]
fn a_state_that_others_can_reach_is_refused_by_every_command_with_the_command_that_helps() {
    let place = Place::with_collaboration();
    let set = |name: &str, mode: u32| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let commands = [
        "serve --log-level error",
        "jobs list",
        "collab list",
        "receipts list",
        "budget show",
        "audit list",
    ];
    for (name, mode, remedy) in [
        ("brand/state", 0o777, "chmod 700"),
        ("brand/state", 0o750, "chmod 700"),
        ("brand/state/state.sqlite", 0o666, "chmod 600"),
    ] {
        set(name, mode);
        for command in commands {
            let help = place
                .run(&format!("{command} --config brand/node.toml"))
                .fails(2, &format!("mode {mode:04o}"));
            assert!(help.contains(remedy), "{command}: {help}");
        }
        set("brand/state", 0o700);
    }
    set("brand/state/state.sqlite", 0o600);
    place.run("jobs list --config brand/node.toml").succeeds();
}

#[test]
fn errors_of_the_configuration_name_line_and_column() {
    let place = Place::new();
    place.init("node", 7402);
    append(&place.path("node/node.toml"), "\nmiminum = 3\n");
    let lines = fs::read_to_string(place.path("node/node.toml"))
        .unwrap()
        .lines()
        .count();
    let place_in_file = format!("node/node.toml:{lines}:1: unknown setting `miminum`");
    place
        .run("id --config node/node.toml")
        .fails(2, &place_in_file);
    place
        .run("id --config elsewhere.toml")
        .fails(2, "there is no file elsewhere.toml");
}

#[test]
fn two_nodes_sign_in_any_order_and_join_and_joining_again_changes_nothing() {
    let place = Place::with_collaboration();
    let again = place
        .run("collab join summer.toml --config brand/node.toml")
        .succeeds();
    assert!(again.contains("nothing was changed"), "{again}");
    let again = place
        .run("collab sign summer.toml --config brand/node.toml")
        .succeeds();
    assert!(again.contains("already"), "{again}");

    let list = place
        .run("collab list --config brand/node.toml --format json")
        .json();
    assert_eq!(list[0]["name"], "summer");
    assert_eq!(list[0]["entries"], 0);
    let table = place.run("collab list --config snowy/node.toml").succeeds();
    assert!(
        table.starts_with("NAME ") && table.contains("summer"),
        "{table}"
    );
    let show = place
        .run("collab show summer --config snowy/node.toml --format json")
        .json();
    assert_eq!(show["members"][0]["may_query"], true);
    place
        .run("collab show winter --config snowy/node.toml")
        .fails(2, "has not joined");
}

#[test]
fn signing_keeps_the_comments_of_the_document() {
    let place = Place::with_document();
    append(&place.path("summer.toml"), "# our lawyer read this");
    place
        .run("collab sign summer.toml --config brand/node.toml")
        .succeeds();
    let text = fs::read_to_string(place.path("summer.toml")).unwrap();
    assert!(text.contains("# our lawyer read this\n"), "{text}");
    assert_eq!(text.matches("[[signature]]").count(), 1);
}

#[test]
fn a_document_without_both_signatures_is_not_joined() {
    let place = Place::with_document();
    place
        .run("collab join summer.toml --config brand/node.toml")
        .fails(2, "is missing");
    place
        .run("collab sign summer.toml --config brand/node.toml")
        .succeeds();
    let help = place
        .run("collab join summer.toml --config brand/node.toml")
        .fails(2, "the signature of snowy is missing");
    assert!(help.contains("collab sign"), "{help}");
}

#[test]
fn a_document_changed_after_a_signature_is_neither_signed_nor_joined() {
    let place = Place::with_document();
    place
        .run("collab sign summer.toml --config brand/node.toml")
        .succeeds();
    edit(
        &place.path("summer.toml"),
        "may_receive = true",
        "may_receive = false",
    );
    for command in ["sign", "join"] {
        place
            .run(&format!(
                "collab {command} summer.toml --config snowy/node.toml"
            ))
            .fails(2, "changed after brand signed");
    }
}

#[test]
fn a_node_that_is_no_member_neither_signs_nor_joins() {
    let place = Place::with_document();
    place.init("carol", 7403);
    for name in ["brand", "snowy"] {
        place
            .run(&format!(
                "collab sign summer.toml --config {name}/node.toml"
            ))
            .succeeds();
    }
    for command in ["sign", "join"] {
        place
            .run(&format!(
                "collab {command} summer.toml --config carol/node.toml"
            ))
            .fails(2, "is not a member");
    }
}

#[test]
fn a_node_that_calls_itself_otherwise_does_not_join() {
    let place = Place::with_document();
    for name in ["brand", "snowy"] {
        place
            .run(&format!(
                "collab sign summer.toml --config {name}/node.toml"
            ))
            .succeeds();
    }
    edit(
        &place.path("brand/node.toml"),
        "name = \"brand\"",
        "name = \"brandt\"",
    );
    place
        .run("collab join summer.toml --config brand/node.toml")
        .fails(2, "calls this node");
}

#[test]
fn another_collaboration_of_the_same_name_is_refused() {
    let place = Place::with_collaboration();
    let text = fs::read_to_string(place.path("summer.toml")).unwrap();
    let (unsigned, _) = text.split_once("[[signature]]").unwrap();
    fs::write(
        place.path("other.toml"),
        unsigned.replacen("may_query = true", "may_query = false", 1),
    )
    .unwrap();
    for name in ["brand", "snowy"] {
        place
            .run(&format!("collab sign other.toml --config {name}/node.toml"))
            .succeeds();
    }
    let help = place
        .run("collab join other.toml --config brand/node.toml")
        .fails(
            2,
            "another collaboration named `summer` was joined or accepted before",
        );
    assert!(help.contains("another name"), "{help}");
}

#[test]
fn collab_new_refuses_members_that_are_none() {
    let place = Place::new();
    let (a, b) = (place.init("brand", 7402), place.init("snowy", 7401));
    let new = |rest: &str| place.run(&format!("collab new --name summer -o summer.toml {rest}"));
    let brand = format!("--member brand={a}@127.0.0.1:7402");
    let snowy = format!("--member snowy={b}@127.0.0.1:7401");
    new(&brand).fails(2, "given 1 time");
    new(&format!("{brand} --member snowy={a}@127.0.0.1:7401")).fails(2, "the same id");
    new(&format!("{brand} --member brand={b}@127.0.0.1:7401")).fails(2, "the same name");
    new(&format!("{brand} --member snowy={b}")).fails(2, "there is no `@`");
    new(&format!("{brand} --member snowy=12@127.0.0.1:7401")).fails(2, "64 hexadecimal digits");
    new(&format!("{brand} --member snowy={b}@somewhere")).fails(2, "a port from 1 to 65535");
    new(&format!("{brand} {snowy} --no-query carol")).fails(2, "not the name of a --member");
    assert!(!place.path("summer.toml").exists());
    new(&format!(
        "{brand} {snowy} --no-query snowy --no-receive brand"
    ))
    .succeeds();
    let text = fs::read_to_string(place.path("summer.toml")).unwrap();
    assert_eq!(text.matches("= false").count(), 2);
    new(&format!("{brand} {snowy}")).fails(2, "exists already");
}

#[test]
fn check_prints_what_it_found_and_exits_with_2_if_a_table_is_not_served() {
    let place = Place::new();
    place.init("brand", 7402);
    fs::write(
        place.path("brand/customers.csv"),
        "email,city\na@x.org,Bonn\nb@x.org,Ulm\n",
    )
    .unwrap();
    append(
        &place.path("brand/node.toml"),
        "[table.customers]\nsource = \"customers.csv\"\nfilter = [\"city\"]\n\
         [[table.customers.key]]\ncolumns = [\"email\"]\nkinds = [\"email\"]\nunique = true\n",
    );
    let text = place.run("check --config brand/node.toml").succeeds();
    assert!(text.contains("Table customers: served"), "{text}");
    let report = place
        .run("check --config brand/node.toml --format json")
        .json();
    let table = &report["tables"][0];
    assert_eq!(
        (&table["served"], &table["rows"]),
        (&true.into(), &2.into())
    );
    assert_eq!(table["keys"][0]["distinct"], 2);

    append(&place.path("brand/customers.csv"), "a@x.org,Köln\n");
    let run = place.run("check --config brand/node.toml --format json");
    assert_eq!(run.code, 2, "{}", run.err);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["tables"][0]["served"], false);
    assert_eq!(report["tables"][0]["problems"].as_array().unwrap().len(), 1);
    let run = place.run("check --config brand/node.toml");
    assert_eq!(run.code, 2);
    assert!(
        run.out.contains("NOT SERVED") && run.out.contains("help: "),
        "{}",
        run.out
    );
}

#[test]
fn check_says_what_the_values_of_a_key_are_like_and_quotes_none() {
    let place = Place::new();
    place.init("brand", 7402);
    let hash = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
    fs::write(
        place.path("brand/customers.csv"),
        format!(
            ",email,phone\n0,a@x.org,+4366412345\n1,unknown,0664 777\n2,{hash},\n3,b@x.org,N/A\n"
        ),
    )
    .unwrap();
    append(
        &place.path("brand/node.toml"),
        "[table.customers]\nsource = \"customers.csv\"\n\
         [[table.customers.key]]\ncolumns = [\"email\", \"phone\"]\nkinds = [\"email\", \"phone\"]\n",
    );
    let text = place.run("check --config brand/node.toml").succeeds();
    for line in [
        "note: column 1 has no name and is left out",
        "key column email (email): 2 values normalise, 0 are NULL",
        "1 do not normalise and match nothing: a placeholder",
        "1 do not normalise and match nothing: like SHA-256",
        "key column phone (phone): 1 values normalise, 1 are NULL",
        "1 do not normalise and match nothing: a placeholder",
        "1 do not normalise and match nothing: not E.164",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let report = place.run("check --config brand/node.toml --format json");
    // Words for a missing value are in the proposal to list them.
    assert!(
        text.contains("null = [\"\", \"N/A\", \"unknown\"]"),
        "{text}"
    );
    assert!(text.contains("phone = { country = \"XX\" }"), "{text}");
    for value in ["0664", hash, "@x.org"] {
        assert!(
            !text.contains(value) && !report.out.contains(value),
            "{value}"
        );
    }
    let report = report.json();
    let values = &report["tables"][0]["keys"][0]["values"];
    assert_eq!(values[1]["normalised"], 1);
    assert_eq!(values[1]["refused"][1]["class"], "not_e164");
    assert_eq!(values[0]["refused"][0]["rows"], 1);
}

#[test]
fn an_empty_log_is_exported_verified_and_compared() {
    let place = Place::with_collaboration();
    for name in ["brand", "snowy"] {
        place
            .run(&format!(
                "receipts export --collab summer -o {name}.jsonl --config {name}/node.toml"
            ))
            .succeeds();
    }
    let text = place
        .run("receipts verify brand.jsonl --collab-file summer.toml")
        .succeeds();
    assert!(text.contains("0 entries"), "{text}");
    let verified = place
        .run("receipts verify brand.jsonl --against snowy.jsonl --format json")
        .json();
    assert_eq!(
        (&verified["verified"], &verified["exported_by"]),
        (&true.into(), &"brand".into())
    );
    assert_eq!(
        place
            .run("receipts list --config brand/node.toml --format json")
            .json(),
        serde_json::json!([])
    );
    place
        .run("receipts show 0 --config brand/node.toml")
        .fails(2, "has no entry 0");
    place
        .run("receipts list --local --config brand/node.toml")
        .succeeds();
    place
        .run_with([
            "receipts",
            "repair",
            "--statement",
            "x",
            "--config",
            "brand/node.toml",
        ])
        .fails(2, "not known to need repair");
    place
        .run("receipts list --collab winter --config brand/node.toml")
        .fails(2, "not joined");
}

#[test]
fn an_edited_export_exits_with_10_and_names_the_line() {
    let place = Place::with_collaboration();
    place
        .run("receipts export -o log.jsonl --config brand/node.toml")
        .succeeds();
    edit(&place.path("log.jsonl"), "\"entries\":0", "\"entries\":1");
    place
        .run("receipts verify log.jsonl")
        .fails(10, "log.jsonl: line 2: the signature of brand");
    fs::write(place.path("log.jsonl"), "not a log\n").unwrap();
    place
        .run("receipts verify log.jsonl")
        .fails(2, "not an exported log");
    place
        .run("receipts export -o log.jsonl --config brand/node.toml")
        .fails(2, "not an exported log");
    place
        .run("receipts export -o brand/node.toml --config brand/node.toml")
        .fails(2, "not an exported log");
}

#[test]
fn errors_are_json_where_json_was_asked_for() {
    let place = Place::with_collaboration();
    let run = place.run("jobs show abcd --config brand/node.toml --format json");
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    let error: serde_json::Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!(
        (&error["exit"], &error["exit_name"]),
        (&2.into(), &"bad_input".into())
    );
    assert!(error["error"].as_str().unwrap().contains("abcd") && error["help"].is_string());

    let run = place.run_with([
        "query",
        "--config",
        "brand/node.toml",
        "--collab",
        "summer",
        "--format",
        "json",
        "SELECT 1",
    ]);
    assert_eq!((run.code, run.err.as_str()), (9, ""));
    let error: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(error["exit_name"], "no_daemon");
}

#[test]
fn commands_that_need_a_daemon_say_so() {
    let place = Place::with_collaboration();
    let help = place
        .run("jobs cancel abcd --config brand/node.toml")
        .fails(9, "");
    assert!(help.contains("psi-node serve"), "{help}");
    assert_eq!(
        place
            .run("jobs list --config brand/node.toml")
            .succeeds()
            .lines()
            .count(),
        1
    );
}

#[test]
fn completions_are_printed_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            place
                .run(&format!("completions {shell}"))
                .succeeds()
                .contains("psi-node"),
            "{shell}"
        );
    }
}

#[test]
fn a_question_is_given_once_on_the_command_line_in_a_file_or_by_template() {
    let place = Place::with_collaboration();
    let run = |more: &str| {
        place.run(&format!(
            "query --collab summer --config brand/node.toml {more}"
        ))
    };
    for wrong in [
        "",
        "SELECT --file q.sql",
        "SELECT --template t",
        "--file q.sql --template t",
    ] {
        assert_eq!(run(wrong).code, 2, "{wrong}");
    }
    run("--file q.sql").fails(2, "cannot read the question from q.sql");
    // Nothing is left on standard input.
    run("-").fails(2, "standard input holds no question");
    fs::write(place.path("q.sql"), "SELECT 1").unwrap();
    run("--file q.sql").fails(9, "");
    fs::write(place.path("q.sql"), "x".repeat(17 * 1024)).unwrap();
    for command in ["query", "explain", "policy preview"] {
        let command = format!("{command} --collab summer --config brand/node.toml --file q.sql");
        place.run(&command).fails(2, "16384 bytes");
    }
}

#[test]
fn the_demo_answers_as_a_plain_join_does_and_ends_well() {
    let told = Place::new().run("demo").succeeds();
    assert!(told.contains("318"), "{told}");
    assert!(told.contains("plain join"), "{told}");
}
