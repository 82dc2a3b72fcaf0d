//! First contact: two people who have nothing but texts to send to each other, up to an answer.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{
    BINARY, COUNT, Node, Ran, eventually, free_address, people, people_csv, people_table, psi_node,
};
use crate::walkthrough::{blocks, repository};

/// Two nodes with a table `people` each, which know nothing of each other.
fn strangers(catalogue: [&str; 2]) -> (Node, Node, TempDir) {
    let dir = TempDir::new().unwrap();
    let node = |name: &str, catalogue: &str, range| {
        let more = format!("filter = [\"name\"]\ncatalogue = \"{catalogue}\"\n");
        let node = Node::init(dir.path(), name, &people_table("text", 30, 1, &more));
        node.write("people.csv", &people_csv(&people(range)));
        node
    };
    let (a, b) = (
        node("anna", catalogue[0], 0..30),
        node("bert", catalogue[1], 10..40),
    );
    (a, b, dir)
}

fn text(ran: &Ran) -> String {
    ran.json()["text"].as_str().unwrap().to_owned()
}

fn invite(node: &Node, more: &[&str]) -> String {
    let mut arguments = vec!["collab", "invite", "--name", "test", "--format", "json"];
    arguments.extend(more);
    text(&node.run(&arguments).expect(0))
}

fn accept(node: &Node, pasted: &str, more: &[&str]) -> Ran {
    let mut arguments = vec!["collab", "accept", pasted, "--format", "json"];
    arguments.extend(more);
    node.run(&arguments)
}

/// Bert's reply to anna's invite.
fn reply(a: &Node, b: &Node) -> String {
    text(&accept(b, &invite(a, &[]), &["--yes"]).expect(0))
}

fn rows(ran: &Ran) -> Value {
    ran.json()["rows"].clone()
}

const BACK: &str = "SELECT COUNT(*) FROM bert.people AS b JOIN anna.people AS a ON b.name = a.name";

#[test]
fn two_texts_lead_from_two_folders_to_an_answer_whoever_asks_first() {
    for inviter_asks in [true, false] {
        let (mut a, mut b, _dir) = strangers(["names", "full"]);
        let reply = reply(&a, &b);
        let joined = accept(&a, &reply, &["--yes"]).expect(0).json();
        assert_eq!(joined["joined"], json!(true));
        let show = |node: &Node| {
            let show = ["collab", "show", "test", "--format", "json"];
            node.run(&show).expect(0).json()
        };
        assert_eq!(show(&b)["standing"], "awaited");
        assert_eq!(show(&a)["code"], show(&b)["code"]);
        a.serve();
        b.serve();
        let (asker, sql) = if inviter_asks {
            (&a, COUNT)
        } else {
            (&b, BACK)
        };
        assert_eq!(rows(&asker.query(sql).expect(0)), json!([[20]]));
        assert_eq!(show(&b)["standing"], "in_force");
        assert_eq!(show(&a)["id"], show(&b)["id"]);
    }
}

#[test]
fn who_has_not_joined_yet_is_told_of_on_both_sides_with_what_to_type() {
    let (mut a, mut b, _dir) = strangers(["none", "none"]);
    let reply = reply(&a, &b);
    a.serve();
    b.serve();
    // Bert has accepted, and anna has not read the reply.
    for ran in [
        b.query(BACK),
        b.run(&["collab", "ping", "test", "--format", "json"]),
    ] {
        let said = ran.expect(5);
        let said = said.stdout + &said.stderr;
        for word in ["anna has not joined", "collab accept", "show test --reply"] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
    // What waits has an end, and both forms say when.
    let listed = b.run(&["collab", "list", "--format", "json"]).expect(0);
    let waiting = &listed.json()[0];
    assert_eq!(waiting["standing"], "awaited");
    assert!(waiting["expires_unix"].as_i64().unwrap() > 1_700_000_000);
    let shown = b.run(&["collab", "show", "test"]).expect(0).stdout;
    assert!(shown.contains("taken until a day after 20"), "{shown}");
    let id = b.id();
    eventually("anna's log names the key that was turned away", || {
        a.log().contains(&id) && a.log().contains("collab accept")
    });
    let shown = b.run(&["collab", "show", "test", "--reply"]).expect(0);
    assert_eq!(shown.stdout.trim(), reply);

    accept(&a, &reply, &["--yes"]).expect(0);
    let ping = a.run(&["collab", "ping", "test", "--format", "json"]);
    let ping = ping.expect(0).json();
    assert_eq!(ping["member"], "bert");
    assert_eq!(ping["same_revision"], json!(true));
    assert!(ping["clock_difference_ms"].as_i64().unwrap().abs() < 60_000);
    assert_eq!(rows(&b.query(BACK).expect(0)), json!([[20]]));

    // Who takes back what it accepted, or leaves, is not there for the other.
    b.run(&["collab", "leave", "test", "--for-good"]).expect(0);
    let ran = a
        .run(&["collab", "ping", "test", "--format", "json"])
        .expect(5);
    assert!(ran.stderr.contains("bert has not joined"), "{}", ran.stderr);
}

#[test]
fn what_a_member_takes_back_is_told_on_both_sides_and_can_be_accepted_again() {
    let (mut a, mut b, _dir) = strangers(["none", "none"]);
    let pasted = invite(&a, &[]);
    let reply = text(&accept(&b, &pasted, &["--yes"]).expect(0));
    accept(&a, &reply, &["--yes"]).expect(0);
    let leave = ["collab", "leave", "test", "--for-good"];
    let told = b.run(&leave).expect(0).stdout;
    assert!(told.contains("before the inviter's signature"), "{told}");
    a.serve();
    b.serve();
    let ping = ["collab", "ping", "test"];
    let ran = a.run(&ping).expect(5);
    for word in ["bert has not joined", "also where it took that back"] {
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
    accept(&b, &pasted, &["--yes"]).expect(0);
    a.run(&ping).expect(0);
    // The signature came first: what is in force is left.
    let told = b.run(&leave).expect(0).stdout;
    assert!(told.contains("Left test"), "{told}");
    a.run(&ping).expect(5);
}

#[test]
fn a_member_says_of_its_tables_what_its_owner_wants_and_no_more() {
    let (mut a, mut b, _dir) = strangers(["none", "names"]);
    accept(&a, &reply(&a, &b), &["--yes"]).expect(0);
    let tables = |node: &Node, more: &[&str]| {
        let arguments = [&["collab", "tables", "test", "--format", "json"], more].concat();
        node.run(&arguments).expect(0).json()
    };
    a.serve();
    b.serve();
    // From the invite and the reply, without asking.
    assert_eq!(tables(&b, &["--stored"])["offer"], Value::Null);
    let stored = tables(&a, &["--stored"]);
    assert_eq!(stored["offer"]["tables"][0]["name"], "people");

    assert_eq!(tables(&b, &[])["offer"], Value::Null);
    let offer = tables(&a, &[])["offer"].clone();
    let table = &offer["tables"][0];
    assert_eq!(table["keys"][0]["columns"], json!(["name"]));
    assert_eq!(table["keys"][0]["identities"], Value::Null);
    assert_eq!(table["rules"], Value::Null);
    assert_eq!(table["filters"][0]["column"], "name");
    let notes = b.run(&["jobs", "list", "--format", "json"]).expect(0);
    assert!(
        notes.stdout.len() < 10,
        "asking is not a job: {}",
        notes.stdout
    );

    let full = people_table("text", 30, 1, "catalogue = \"full\"\n");
    b.kill();
    b.configure("peer_timeout_s = 10\n", &full);
    b.serve();
    let table = tables(&a, &[])["offer"]["tables"][0].clone();
    assert_eq!(table["keys"][0]["identities"], 30);
    assert_eq!(table["rules"]["minimum"], 1);
}

#[test]
fn nothing_is_signed_that_was_not_looked_at_or_does_not_fit() {
    let (a, b, dir) = strangers(["none", "none"]);
    let pasted = invite(&a, &["--for", "bert", "--no-query", "them"]);
    // Nobody looks: standard input is not a terminal.
    let ran = accept(&b, &pasted, &[]).expect(2);
    assert!(ran.stderr.contains("--show"), "{}", ran.stderr);
    let shown = accept(&b, &pasted, &["--show"]).expect(0).json();
    assert_eq!(shown["members"].as_array().unwrap().len(), 2);
    let said = b
        .run(&["collab", "accept", &pasted, "--show"])
        .expect(0)
        .stdout;
    assert!(
        said.contains("anna may then ask about your table people"),
        "{said}"
    );
    let wrong = [
        "--code",
        "00000 11111 22222 33333 44444 55555 66666 77777 88888 99999",
    ];
    accept(&b, &pasted, &wrong).expect(2);
    let list = b.run(&["collab", "list", "--format", "json"]).expect(0);
    assert_eq!(list.json(), json!([]), "nothing was accepted");

    let code = shown["code"].as_str().unwrap().to_owned();
    let first = text(&accept(&b, &pasted, &["--code", &code]).expect(0));
    let again = text(&accept(&b, &pasted, &["--yes"]).expect(0));
    assert_eq!(first, again);
    // A reply to another node, and a text that was changed.
    assert!(
        accept(&b, &first, &["--yes"])
            .expect(2)
            .stderr
            .contains("another node")
    );
    let file = Path::new(dir.path()).join("reply.txt");
    fs::write(
        &file,
        first.replace("glovebox-reply-1.A", "glovebox-reply-1.B"),
    )
    .unwrap();
    accept(&a, file.to_str().unwrap(), &["--yes"]).expect(2);
    accept(&a, &first, &["--code", &code]).expect(0);

    // Somebody else who calls itself bert, and a second collaboration of the name.
    let mallory = Node::init(&dir.path().join("x"), "bert", "");
    let other = text(&mallory.run(&["collab", "invite", "--name", "other", "--format", "json"]));
    let ran = accept(&a, &other, &["--yes"]).expect(2);
    assert!(
        ran.stderr.contains("another node than here"),
        "{}",
        ran.stderr
    );
    // Nor by a file that both have signed.
    let file = dir.path().join("filed.toml").to_str().unwrap().to_owned();
    let member = |node: &Node| format!("{}={}@{}", node.name, node.id(), node.address);
    let (anna, other) = (member(&a), member(&mallory));
    let members = ["--member", &anna, "--member", &other];
    let new = [
        &["collab", "new", "--name", "filed", "-o", &file],
        &members[..],
    ]
    .concat();
    psi_node(&new).expect(0);
    for node in [&a, &mallory] {
        node.run(&["collab", "sign", &file]).expect(0);
    }
    let ran = a.run(&["collab", "join", &file]).expect(2);
    assert!(
        ran.stderr.contains("another node than here"),
        "{}",
        ran.stderr
    );
    let same = text(&mallory.run(&["collab", "invite", "--name", "test", "--format", "json"]));
    accept(&b, &same, &["--yes"]).expect(2);
    let mine = invite(&b, &[]);
    accept(&b, &mine, &["--yes"]).expect(2);
}

#[test]
fn a_member_that_nobody_can_reach_asks_and_is_not_dialled() {
    let (mut a, mut b, _dir) = strangers(["none", "none"]);
    let pasted = invite(&a, &["--address", "localhost"]);
    let reply = text(&accept(&b, &pasted, &["--yes", "--only-dials"]).expect(0));
    accept(&a, &reply, &["--yes"]).expect(0);
    a.serve();
    b.serve();
    let ran = a.query(COUNT).expect(6);
    assert!(ran.stdout.contains("only dials"), "{}", ran.stdout);
    assert_eq!(rows(&b.query(BACK).expect(0)), json!([[20]]));
    let document = a.run(&["collab", "show", "test", "--document"]).expect(0);
    for line in ["only_dials = true", "address = \"localhost:"] {
        assert!(document.stdout.contains(line), "{}", document.stdout);
    }
}

/// One of the two people of the page: a folder, and the address that takes the place of the printed
/// one.
struct Person {
    dir: TempDir,
    listen: (&'static str, String),
    daemon: Option<Child>,
}

impl Person {
    fn new(printed: &'static str) -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            listen: (printed, free_address()),
            daemon: None,
        }
    }

    /// The command of a block, on one machine and without a terminal.
    fn command(&self, block: &str) -> Command {
        let mut line = block.trim().replace("psi-node", BINARY);
        line = line.replace(self.listen.0, &self.listen.1);
        for name in ["node.snowy.example", "node.brand.example"] {
            line = line.replace(&format!("--address {name} "), "");
        }
        if line.contains("collab accept") {
            line += " --yes";
        }
        let mut command = Command::new("bash");
        command.args(["-c", &format!("exec {line}")]);
        command.current_dir(self.dir.path());
        command
    }

    fn run(&self, block: &str) -> String {
        let output = self.command(block).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}: {printed}{error}");
        printed
    }

    fn serve(&mut self, block: &str) {
        let log = self.dir.path().join("serve.log");
        let mut command = self.command(block);
        command.stdout(fs::File::create(&log).unwrap());
        self.daemon = Some(command.stderr(Stdio::null()).spawn().unwrap());
        eventually("a node listens", || {
            fs::read_to_string(&log).is_ok_and(|text| text.contains("listening on"))
        });
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

#[test]
fn the_commands_of_the_page_lead_to_an_answer_and_are_as_many_as_it_says() {
    let page = fs::read_to_string(repository().join("docs/operating/first-contact.md")).unwrap();
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 10, "each block is one command");
    assert!(blocks.iter().all(|block| block.lines().count() == 1));
    assert!(page.contains("**ten commands for both people together**"));
    let (_, table) = page.split_once("```toml\n").unwrap();
    let (table, _) = table.split_once("```").unwrap();

    let [mut ann, mut ben] = ["0.0.0.0:7401", "0.0.0.0:7402"].map(Person::new);
    ann.run(&blocks[0]);
    ben.run(&blocks[1]);
    for (person, first) in [(&ann, 0), (&ben, 10)] {
        let emails = (first..first + 30).map(|n| format!("p{n}@example.org\n"));
        let data = format!("email\n{}", emails.collect::<String>());
        fs::write(person.dir.path().join("customers.csv"), data).unwrap();
        let config = person.dir.path().join("node.toml");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, format!("{text}\n{table}")).unwrap();
    }
    ann.run(&blocks[2]);
    ben.run(&blocks[3]);
    ann.run(&blocks[4]);
    let send = |from: &Person, to: &Person, file: &str| {
        fs::copy(from.dir.path().join(file), to.dir.path().join(file)).unwrap();
    };
    send(&ann, &ben, "invite.txt");
    ben.run(&blocks[5]);
    send(&ben, &ann, "reply.txt");
    let joined = ann.run(&blocks[6]);
    assert!(joined.contains("code  "), "{joined}");
    ann.serve(&blocks[7]);
    ben.serve(&blocks[8]);
    let answer = ann.run(&blocks[9]);
    assert!(answer.contains("20"), "{answer}");
    let tables = ann.run("psi-node collab tables summer");
    assert!(
        tables.contains("brand.customers") && tables.contains("email (email)"),
        "{tables}"
    );
}
