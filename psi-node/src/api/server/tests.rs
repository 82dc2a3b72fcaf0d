//! The API over a real socket, from the client's end.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{BODY_BYTES_MAX, bind, serve};
use crate::api::client::Client;
use crate::api::types::{Event, NewJob, ResultFor};
use crate::exit::Exit;
use crate::identity::{NodeId, NodeKey};
use crate::job::context::fixture::context;
use crate::job::{Current, JobContext};
use crate::places::Whose;

/// A daemon without tables and collaborations, and a client of it.
struct Api {
    ctx: Arc<JobContext>,
    client: Client,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

async fn api() -> Api {
    let folder = tempfile::tempdir().unwrap();
    let text = "name = \"brand\"\nlisten = \"127.0.0.1:0\"\njobs_max = 2\n";
    let ctx = context(folder.path(), text, NodeKey::generate().unwrap()).await;
    let socket = ctx.config.socket_path();
    let listener = bind(&socket).unwrap();
    tokio::spawn(serve(
        listener,
        Current::new(Arc::clone(&ctx)),
        std::future::pending(),
    ));
    Api {
        ctx,
        client: Client::new(&socket),
        socket,
        _folder: folder,
    }
}

/// The whole answer to a request, as it crosses the wire.
async fn raw(api: &Api, request: &str) -> String {
    let mut stream = tokio::net::UnixStream::connect(&api.socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn post(body: &str) -> String {
    format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn the_socket_is_for_its_owner_alone() {
    let api = api().await;
    let mode = std::fs::metadata(&api.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_left_behind_by_a_crash_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    drop(bind(&socket).unwrap());
    assert!(socket.exists(), "dropping a listener leaves its file");
    assert!(bind(&socket).is_ok());
}

#[tokio::test]
async fn without_a_daemon_the_client_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = Client::new(&folder.path().join("api.sock"))
        .node()
        .await
        .unwrap_err();
    assert_eq!(error.exit, Exit::NoDaemon);
    assert!(error.remedy.contains("psi-node serve"), "{}", error.remedy);
}

#[tokio::test]
async fn the_node_says_who_it_is() {
    let api = api().await;
    let node = api.client.node().await.unwrap();
    assert_eq!(
        (node.name.as_str(), node.jobs_running, node.jobs_max),
        ("brand", 0, 2)
    );
    assert_eq!(node.id, api.ctx.key.id().to_string());
    assert!(
        api.client
            .collaborations()
            .await
            .unwrap()
            .collaborations
            .is_empty()
    );
}

#[tokio::test]
async fn a_job_is_followed_to_its_end_and_its_end_can_be_read_again() {
    let api = api().await;
    let job = NewJob {
        collab: "nowhere".into(),
        sql: "SELECT 1".into(),
        recipients: ResultFor::default(),
        epsilon: None,
        delta: None,
        output: None,
    };
    let id = api.client.new_job(&job).await.unwrap().id;
    for _ in 0..2 {
        let mut events = api.client.events(&id).await.unwrap();
        let mut last = None;
        while let Some(event) = events.next().await.unwrap() {
            last = Some(event);
        }
        let Some(Event::Ended(ended)) = last else {
            panic!("{last:?}")
        };
        assert_eq!(ended.exit, Exit::BadInput.number());
        assert_eq!(ended.document.status, "refused");
        assert!(
            ended
                .document
                .detail
                .is_some_and(|text| text.contains("nowhere"))
        );
    }
}

#[tokio::test]
async fn more_jobs_than_the_bound_are_refused_and_a_cancelled_one_hears_of_it() {
    let api = api().await;
    let one = api.ctx.registry.begin(Whose::Owner).unwrap();
    let _two = api
        .ctx
        .registry
        .begin(Whose::Peer(NodeId([1; 32])))
        .unwrap();
    let job = NewJob {
        collab: "nowhere".into(),
        sql: "SELECT 1".into(),
        recipients: ResultFor::default(),
        epsilon: None,
        delta: None,
        output: None,
    };
    let refused = api.client.new_job(&job).await.unwrap_err();
    assert_eq!(refused.exit, Exit::Busy);
    assert_eq!(api.client.cancel(&one.id).await.unwrap().id, one.id);
    one.cancelled().await;
    let unknown = api.client.cancel("0123456789abcdef").await.unwrap_err();
    assert_eq!(unknown.exit, Exit::BadInput);
}

#[tokio::test]
async fn every_error_is_json_with_a_remedy() {
    let api = api().await;
    let long = format!(
        "{{\"collab\":\"c\",\"sql\":\"{}\"}}",
        "x".repeat(BODY_BYTES_MAX)
    );
    for (request, status) in [
        (post("{}"), "400"),
        (post("{\"collab\":\"c\",\"sql\":\"q\",\"more\":1}"), "400"),
        (post(&long), "413"),
        (
            "GET /v2/node HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(),
            "404",
        ),
        (
            "PUT /v1/node HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(),
            "404",
        ),
        (
            "GET /v1/jobs?limit=x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(),
            "400",
        ),
        (
            "GET /v1/jobs/ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(),
            "404",
        ),
    ] {
        let answer = raw(&api, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: crate::api::types::ErrorBody = serde_json::from_str(body).unwrap();
        assert!(
            !body.error.code.is_empty() && !body.error.remedy.is_empty(),
            "{answer}"
        );
    }
}
