//! Semi-joins: the inner table's identities count once, and nothing of it is put out.

use super::aggregates::{ASKED, ASKING, Case, group, sum, value};
use crate::error::Code;
use crate::messages::codec;
use crate::spec::{Component, ComponentKind, Form, JobSpec, Party, Shape};

fn rows_of(outer: Party) -> Case {
    Case::new().change(|case| {
        case.agreement.shape.rows = true;
        case.agreement.shape.form = Form::Semi { outer };
    })
}

fn components(spec: &JobSpec) -> Vec<(ComponentKind, u64)> {
    let pair = |component: &Component| (component.kind, component.bound);
    spec.payload.components.iter().map(pair).collect()
}

#[test]
fn the_outer_table_sends_where_its_rows_repeat_and_the_inner_one_never_has_to() {
    for outer in [ASKING, ASKED] {
        let inner = outer.other();
        let case = || rows_of(outer).owner_may_receive(inner);
        // Both keys repeat: a join of these two is refused.
        let spec = case().repeats(outer, 8).repeats(inner, 4).spec();
        assert_eq!(spec.receiver, inner);
        assert_eq!(components(&spec), [(ComponentKind::Rows, 8)]);
        let join = case().repeats(outer, 8).repeats(inner, 4);
        let join = join.change(|case| case.agreement.shape.form = Form::Join);
        assert_eq!(join.code(), Code::KeyNotUnique);
        // With a unique outer key rows are identities, and the choice is free.
        for prefers in [ASKING, ASKED] {
            let spec = case()
                .repeats(inner, 4)
                .change(|case| case.side(prefers).1.prefer_receiver = true)
                .spec();
            assert_eq!(spec.receiver, prefers);
            assert_eq!(components(&spec), []);
        }
    }
}

#[test]
fn a_column_of_the_outer_table_is_summed_whatever_repeats() {
    let case = || {
        Case::new()
            .value(ASKED, sum(), value())
            .group(ASKED, group(&["a"], &[900, 900]))
            .repeats(ASKED, 8)
            .repeats(ASKING, 4)
    };
    assert_eq!(case().code(), Code::KeyNotUnique);
    let semi = case().change(|case| case.agreement.shape.form = Form::Semi { outer: ASKED });
    let spec = semi.spec();
    assert_eq!(spec.receiver, ASKING);
    assert_eq!(
        components(&spec),
        [
            (ComponentKind::Identities, 1),
            (ComponentKind::Sum(0), 1024)
        ]
    );
}

#[test]
fn nothing_of_the_inner_table_is_put_out() {
    let semi =
        |case: Case| case.change(|case| case.agreement.shape.form = Form::Semi { outer: ASKING });
    let grouped = semi(Case::new().group(ASKED, group(&["a"], &[9, 9])));
    assert_eq!(grouped.code(), Code::MalformedMessage);
    let summed = semi(Case::new().value(ASKED, sum(), value()));
    assert_eq!(summed.code(), Code::MalformedMessage);
}

#[test]
fn the_owner_of_the_rows_that_are_counted_receives_with_the_other_sides_consent() {
    let own = rows_of(ASKING).repeats(ASKING, 8);
    assert_eq!(own.code(), Code::OwnerNotAllowed);
    let barred = rows_of(ASKING)
        .repeats(ASKING, 8)
        .owner_may_receive(ASKED)
        .change(|case| case.agreement.responder_may_receive = false);
    // The inner table's owner is Receiver, and so has to be allowed to receive.
    assert_eq!(barred.code(), Code::RecipientNotAllowed);
}

#[test]
fn a_form_is_one_byte_and_unknown_ones_are_refused() {
    let forms = [
        Form::Join,
        Form::List,
        Form::Semi { outer: ASKING },
        Form::Semi { outer: ASKED },
    ];
    for (byte, form) in (0_u8..).zip(forms) {
        let bytes = codec::encode(&form);
        assert_eq!(bytes, [byte]);
        assert_eq!(codec::decode::<Form>(&bytes).unwrap(), form);
    }
    for byte in 4..=u8::MAX {
        assert!(codec::decode::<Form>(&[byte]).is_err());
    }
    assert_eq!(Shape::list().form, Form::List);
}
