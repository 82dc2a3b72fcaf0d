//! A member that takes all it can get: places, connections, notes, this node's attention. What is
//! left is enough for another member and for the owner (Spec 09 §5).

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use psi_core::Code;
use psi_core::limits::NOTES_PER_HOUR_MAX;
use psi_core::messages::Control;
use psi_core::spec::{Nonce, Shape};
use serde_json::json;

use crate::harness::{World, people, people_csv, people_table};
use crate::stage::{Asking, Bert, PEOPLE, QUERY, Stage, Wire, control, ending};

/// Anna's own question to carl.
const OWN: &str = "SELECT COUNT(*) FROM anna.people a JOIN carl.people c ON a.name = c.name";

/// The code with which anna ends a proposal of bert's.
async fn refused(bert: &Bert) -> Code {
    let (mut send, mut receive) = bert.open().await;
    let proposal = Control::Propose(bert.proposal());
    send.control(&proposal).await.unwrap();
    ending(&mut receive).await
}

/// Goes on saying that bert works, until anna ends it.
async fn works((mut send, _receive): Wire) {
    while send.control(&Control::Working).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[test]
fn one_member_that_takes_its_places_and_connections_leaves_room_for_another_and_the_owner() {
    let mut stage = Stage::new();
    let berts: Vec<Bert> = (0..5).map(|_| stage.bert()).collect();
    // Three jobs are his share of eight places; he agrees to them and then only says that he works.
    for bert in &berts[..3] {
        let wire = stage.runtime.block_on(async {
            let mut wire = bert.open().await;
            bert.agree(&mut wire).await;
            wire
        });
        stage.runtime.spawn(works(wire));
    }
    let fourth = stage.runtime.block_on(refused(&berts[3]));
    assert_eq!(fourth, Code::TooManyJobs);
    // An inquiry takes no place.
    let answer = stage.runtime.block_on(async {
        let (mut send, mut receive) = berts[4].open().await;
        let mut inquiry = berts[4].proposal();
        inquiry.half.nonce = Nonce::ZERO;
        send.control(&Control::Inquire(inquiry)).await.unwrap();
        control(&mut receive).await.unwrap()
    });
    assert!(matches!(answer, Control::Facts { .. }), "{answer:?}");
    // Five connections are his share.
    let key = Arc::clone(&berts[0].key);
    let endpoint = stage.endpoint(&key, "127.0.0.1:0");
    let address: std::net::SocketAddr = stage.world.a.address.parse().unwrap();
    let sixth = endpoint.connect(address, stage.victim(), Duration::from_secs(1));
    assert!(stage.runtime.block_on(sixth).is_err());
    let own = stage
        .world
        .a
        .run(&["query", "--collab", "other", "--format", "json", OWN]);
    assert_eq!(own.expect(0).json()["rows"], json!([[PEOPLE]]));
    stage.anna_is_well();
}

#[test]
fn a_flood_of_questions_takes_no_note_of_another_member_and_is_counted() {
    let mut stage = Stage::new();
    let bert = stage.bert();
    let flood = NOTES_PER_HOUR_MAX + 40;
    stage.runtime.block_on(async {
        for _ in 0..flood {
            let (mut send, mut receive) = bert.open().await;
            let mut proposal = bert.proposal();
            proposal.query = "SELECT 1".into();
            send.control(&Control::Propose(proposal)).await.unwrap();
            assert_eq!(ending(&mut receive).await, Code::QueryNotAccepted);
        }
    });
    // An inquiry that could not be noted is not answered.
    let hidden = stage.runtime.block_on(async {
        let (mut send, mut receive) = bert.open().await;
        let mut inquiry = bert.proposal();
        inquiry.half.nonce = Nonce::ZERO;
        send.control(&Control::Inquire(inquiry)).await.unwrap();
        ending(&mut receive).await
    });
    assert_eq!(hidden, Code::TooManyJobs);
    let sql = "SELECT COUNT(*) FROM carl.people c JOIN anna.people a ON c.name = a.name";
    let explained = stage
        .carl
        .run(&["explain", "--collab", "other", "--with-peer", sql]);
    explained.expect(0);
    let log = stage
        .world
        .a
        .run(&["receipts", "list", "--local", "--format", "json"]);
    let log = log.expect(0).stdout;
    let of_bert = log.matches(&format!("from {}", bert.key.id())).count();
    assert_eq!(of_bert as u64, NOTES_PER_HOUR_MAX, "{log}");
    assert!(log.contains("is counted, not noted"), "{log}");
    assert!(
        log.contains("the other member asked what this would be"),
        "{log}"
    );
    stage.anna_is_well();
}

#[test]
fn an_address_that_does_not_answer_is_not_flooded_however_much_is_left_to_settle() {
    // Bert orders the entries, so anna waits for openings that he never brings.
    let table = people_table("text", PEOPLE, 1, "");
    let world = std::iter::repeat_with(|| World::new(&table, &table))
        .find(|world| world.b.id() < world.a.id())
        .unwrap();
    let mut stage = Stage::of(world, &table, &people_csv(&people(0..100)));
    let socket = UdpSocket::bind(&stage.world.b.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    for _ in 0..10 {
        let bert = stage.bert();
        stage.runtime.block_on(bert.agree_and_break_off());
        stage.idle();
    }
    // Nobody answers at the address that the collaboration names. She does not dial while bert is
    // connected, and looks again after half a minute.
    let (begin, mut datagrams) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_mins(1) {
        let mut buffer = [0; 2048];
        datagrams += u32::from(socket.recv(&mut buffer).is_ok());
    }
    println!("{datagrams} datagrams in a minute");
    // Twenty seconds of patience once, then pauses of half a minute and more.
    assert!((1..=60).contains(&datagrams), "{datagrams}");
    stage.anna_is_well();
}

#[test]
fn how_a_job_ends_for_want_of_room_does_not_follow_what_another_selects() {
    // Bert's half has room for a hundred rows once, at some hundred bytes each, and not twice.
    let settings = "peer_timeout_s = 10\nconnect_timeout_s = 20\ndisk_limit = \"30KB\"\n";
    let mut endings = Vec::new();
    for filter in ["LIKE 'person-%'", "LIKE 'nobody-%'"] {
        let mut stage = Stage::configured_with(settings, "filter = [\"name\"]");
        let query = format!("{QUERY} WHERE anna.people.name {filter}");
        let asking = Asking::new(query.leak(), Shape::count_rows());
        let first = stage.bert_asking(asking);
        let second = stage.bert();
        let ending = stage.runtime.block_on(async {
            let mut wire = first.open().await;
            first.open_job(&mut wire).await;
            let held = tokio::spawn(works(wire));
            let mut wire = second.open().await;
            second.agree(&mut wire).await;
            let ending = ending(&mut wire.1).await;
            held.abort();
            ending
        });
        endings.push(ending);
        assert!(stage.world.a.is_running(), "{}", stage.world.a.log());
    }
    assert_eq!(endings, [Code::Unavailable; 2]);
}
