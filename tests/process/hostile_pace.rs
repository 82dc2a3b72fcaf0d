//! A peer that is alive and does nothing: every step of a job has an end of its own, whatever it says
//! meanwhile (Spec 08 §5).

use std::time::Duration;

use psi_core::Code;
use psi_core::messages::{Control, SettleState};

use psi_node::net::{FrameReceiver, NetError};

use crate::stage::{Stage, Wire, blinded, code, control, own_lists};

/// Short, so that the limits which follow from it are: half a second for the agreement, two for a
/// signature, twenty for a list.
const SETTINGS: &str = "peer_timeout_s = 2\nconnect_timeout_s = 20\n";

/// Says that this side works until anna gives up; returns her code.
async fn works_for_ever((mut send, mut receive): Wire) -> Code {
    let says = async {
        while send.control(&Control::Working).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        code = given_up(&mut receive) => code,
        () = says => unreachable!("it never ends by itself"),
    }
}

/// The code with which anna gives up; this side's own patience does not count.
async fn given_up(receive: &mut FrameReceiver) -> Code {
    loop {
        match control(receive).await {
            Ok(Control::Abort(code) | Control::Refuse { code, .. })
            | Err(NetError::Reset(code)) => return code,
            Ok(_) => {}
            Err(error) => panic!("not anna: {error}"),
        }
    }
}

#[test]
fn a_peer_that_says_that_it_works_for_ever_is_given_up_in_every_state() {
    let mut stage = Stage::configured(SETTINGS);
    let bert = stage.bert();
    stage.runtime.block_on(async {
        let wire = bert.open().await;
        assert_eq!(works_for_ever(wire).await, Code::TimedOut, "nothing asked");

        let mut wire = bert.open().await;
        let answer = bert.propose(&mut wire).await;
        assert!(matches!(answer, Control::Accept { .. }), "{answer:?}");
        assert_eq!(works_for_ever(wire).await, Code::TimedOut, "accepted");

        let mut wire = bert.open().await;
        bert.agree(&mut wire).await;
        assert_eq!(works_for_ever(wire).await, Code::TimedOut, "agreed");

        let mut wire = bert.open().await;
        bert.open_job(&mut wire).await;
        assert_eq!(works_for_ever(wire).await, Code::TimedOut, "no list");

        // Last, because it can leave an entry with one signature on the log.
        let mut wire = bert.open().await;
        bert.commit(&mut wire).await;
        assert_eq!(works_for_ever(wire).await, Code::TimedOut, "committed");
    });
    stage.idle();
    stage.anna_is_well();
}

#[test]
fn a_list_that_comes_byte_by_byte_is_given_up_long_before_its_end() {
    let mut stage = Stage::configured(SETTINGS);
    let bert = stage.bert();
    let given_up = stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        let spec = bert.open_job(&mut wire).await;
        let (mut send, mut receive) = wire;
        let (_, _, points) = own_lists(&spec);
        let bytes = code(32, &points);
        let feeds = async {
            for byte in &bytes {
                if send.rows(blinded(), &[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            code = given_up(&mut receive) => code,
            () = feeds => unreachable!("it never ends by itself"),
        }
    });
    assert_eq!(given_up, Code::TimedOut);
    stage.anna_is_well();
}

#[test]
fn a_settlement_that_stands_still_ends_and_holds_nobody_up() {
    let mut stage = Stage::configured(SETTINGS);
    let bert = stage.bert();
    let ended = stage.runtime.block_on(async {
        let (mut send, receive) = bert.open().await;
        let collab_id = bert.collab_id;
        // One of the two begins a settlement, by the order of the keys.
        let first = if bert.key.id() < bert.victim {
            Control::Settle(SettleState {
                collab_id,
                entries: 0,
                head: [0; 64].into(),
                signature: None,
                live: Vec::new(),
                statement: None,
            })
        } else {
            Control::SettleRequest { collab_id }
        };
        send.control(&first).await.unwrap();
        works_for_ever((send, receive)).await
    });
    assert_eq!(ended, Code::TimedOut);
    // It held the lock of this log alone, and that is free again.
    stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        bert.open_job(&mut wire).await;
    });
    stage.idle();
    stage.anna_is_well();
}
