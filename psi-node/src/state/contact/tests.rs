use std::thread;

use super::*;
use crate::fixture::{signed, signed_as, unsigned};
use crate::identity::NodeKey;
use crate::invite::CLOCKS_APART_SECONDS;
use crate::invite::tests::pair;
use crate::invite::{document, reply_text};
use crate::state::place::private_tempdir;

/// An invite to `summer` that the first member has accepted, and the signature that it lacks.
fn accepted(expires_unix: i64) -> (AwaitedCollab, [NodeKey; 2], Signature) {
    let (_, keys) = signed();
    let mut collab = unsigned("summer", &keys);
    let [own, peer] = [&keys[0], &keys[1]].map(|key| key.sign_collab(&collab).unwrap());
    collab.add_signature("brand", own).unwrap();
    let awaited = AwaitedCollab {
        collab,
        reply: String::new(),
        expires_unix,
    };
    (awaited, keys, peer)
}

#[test]
fn an_accepted_invite_waits_for_the_other_signature_and_is_joined_with_it_alone() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let (_, keys) = signed();
    let mut collab = unsigned("summer", &keys);
    let [own, peer] = &keys;
    let own_signature = own.sign_collab(&collab).unwrap();
    let own_name = collab.member_by_id(&own.id()).unwrap().name.clone();
    collab.add_signature(&own_name, own_signature).unwrap();
    let reply = "glovebox-reply-1.x".to_owned();
    let awaited = AwaitedCollab {
        collab,
        reply,
        expires_unix: i64::MAX,
    };
    state.awaited_insert(&awaited).unwrap();
    state.awaited_insert(&awaited).unwrap();
    let found = state.awaited_by_name("summer").unwrap().unwrap();
    assert_eq!(found.collab, awaited.collab);
    assert!(state.collab_by_name("summer").unwrap().is_none());

    // Another one of this name has no place beside it.
    let (other, _) = signed_as("summer");
    let error = state.awaited_insert(&AwaitedCollab {
        collab: other,
        ..awaited.clone()
    });
    assert!(matches!(error, Err(StateError::NameTaken(_))));

    let wrong = state.awaited_complete(&awaited, &peer.id(), own_signature);
    assert!(wrong.is_err());
    assert!(state.awaited_by_name("summer").unwrap().is_some());
    let signature = peer.sign_collab(&awaited.collab).unwrap();
    let joined = state.awaited_complete(&awaited, &peer.id(), signature);
    assert_eq!(joined.unwrap(), Joined::New);
    assert!(state.awaited().unwrap().is_empty());
    assert!(state.collab_by_name("summer").unwrap().is_some());
}

#[test]
fn what_a_member_offers_is_what_it_said_last() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    assert_eq!(state.offer(&CollabId([1; 32])).unwrap(), None);
    let told = |offer: Option<Offer>| {
        state.offer_set(&CollabId([1; 32]), offer.as_ref()).unwrap();
        assert_eq!(
            state.offer(&CollabId([1; 32])).unwrap().unwrap().offer,
            offer
        );
    };
    told(Some(Offer::default()));
    told(None);
}

#[test]
fn what_was_taken_back_does_not_come_into_force_with_a_signature_that_was_on_its_way() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let (awaited, [own, peer], signature) = accepted(i64::MAX);
    let id = awaited.collab.id();
    state.awaited_insert(&awaited).unwrap();
    state.offer_set(&id, None).unwrap();
    // Whoever brings the signature has read what it completes.
    let read = state.awaited_by_id(&id).unwrap().unwrap();
    assert_eq!(state.awaited_take_back(&id).unwrap(), TakenBack::Gone);
    let error = state.awaited_complete(&read, &peer.id(), signature);
    assert!(matches!(error, Err(StateError::NotAwaited(name)) if name == "summer"));
    assert!(state.collab_by_id(&id).unwrap().is_none());
    assert_eq!(state.offer(&id).unwrap(), None);
    assert_eq!(state.awaited_take_back(&id).unwrap(), TakenBack::NotThere);
    // It can be accepted again.
    state.awaited_insert(&awaited).unwrap();
    let joined = state.awaited_complete(&read, &peer.id(), signature);
    assert_eq!(joined.unwrap(), Joined::New);
    assert_eq!(state.awaited_take_back(&id).unwrap(), TakenBack::InForce);
    let again = state.awaited_complete(&read, &peer.id(), signature);
    assert_eq!(again.unwrap(), Joined::Already);
    // Not once it was left.
    let left = CollabStanding::Left;
    state.collab_set_standing(&id, left, &own).unwrap();
    for result in [
        state.awaited_insert(&awaited),
        state
            .awaited_complete(&read, &peer.id(), signature)
            .map(drop),
    ] {
        assert!(
            matches!(result, Err(StateError::CollabLeft(_))),
            "{result:?}"
        );
    }
}

#[test]
fn of_the_signature_and_the_taking_back_exactly_one_comes_first() {
    for _ in 0..20 {
        let folder = private_tempdir();
        // The daemon and a command.
        let [daemon, command] = [(); 2].map(|()| State::open(folder.path()).unwrap());
        let (awaited, [_, peer], signature) = accepted(i64::MAX);
        let id = awaited.collab.id();
        daemon.awaited_insert(&awaited).unwrap();
        let (joined, taken_back) = thread::scope(|scope| {
            let join = scope.spawn(|| daemon.awaited_complete(&awaited, &peer.id(), signature));
            let take = scope.spawn(|| command.awaited_take_back(&id).unwrap());
            (join.join().unwrap(), take.join().unwrap())
        });
        let in_force = command.collab_by_id(&id).unwrap().is_some();
        match taken_back {
            TakenBack::Gone => {
                assert!(
                    matches!(joined, Err(StateError::NotAwaited(_))),
                    "{joined:?}"
                );
                assert!(!in_force);
            }
            TakenBack::InForce => assert!(joined.unwrap() == Joined::New && in_force),
            TakenBack::NotThere => panic!("it was there"),
        }
        assert!(command.awaited().unwrap().is_empty());
    }
}

#[test]
fn an_inviter_that_keeps_the_reply_brings_nothing_into_force_after_the_invite_has_expired() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let a_day = CLOCKS_APART_SECONDS;
    let (awaited, [_, peer], signature) = accepted(now_unix() - a_day - 60);
    let id = awaited.collab.id();
    state.awaited_insert(&awaited).unwrap();
    let error = state.awaited_complete(&awaited, &peer.id(), signature);
    assert!(
        matches!(&error, Err(StateError::InviteExpired { name, .. }) if name == "summer"),
        "{error:?}"
    );
    assert!(state.collab_by_id(&id).unwrap().is_none());
    assert!(
        state
            .awaited_by_id(&id)
            .unwrap()
            .unwrap()
            .has_expired(now_unix())
    );
    assert_eq!(state.awaited_take_back(&id).unwrap(), TakenBack::Gone);

    // Clocks may be a day apart.
    let (awaited, [_, peer], signature) = accepted(now_unix() - a_day + 600);
    state.awaited_insert(&awaited).unwrap();
    let joined = state.awaited_complete(&awaited, &peer.id(), signature);
    assert_eq!(joined.unwrap(), Joined::New);
}

#[test]
fn an_invite_that_an_older_version_accepted_expires_when_its_reply_says() {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let (invite, reply) = pair();
    let collab = document(&invite.terms, &reply.guest).unwrap();
    state
        .awaited_insert(&AwaitedCollab {
            collab,
            reply: reply_text(&reply),
            expires_unix: i64::MAX,
        })
        .unwrap();
    for (older, expected) in [
        ("UPDATE awaited_collabs SET expires_unix = NULL", 2),
        ("UPDATE awaited_collabs SET reply = 'of another form'", 0),
    ] {
        state.lock().execute(older, []).unwrap();
        let found = state.awaited().unwrap();
        assert_eq!(found[0].expires_unix, expected);
        assert!(found[0].has_expired(now_unix()));
    }
}
