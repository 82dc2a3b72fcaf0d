//! What the two shops of the demo learned, and the comparison with a plain join of their files.
//!
//! The comparison needs all files in one place, which is what the nodes avoid. An answer that
//! differs is an error of the demo.

use std::path::Path;

use psi_core::dp::{Delta, Epsilon, dummies};
use psi_core::spec::{JobSpec, Party};
use serde_json::Value;

use super::sample::{self, RegionTotal, Shop};
use crate::error::UserError;
use crate::job::DELTA_DEFAULT;
use crate::job::outcome::OTHER;
use crate::job::outcome::document::{ResultDocument, SUPPRESSED};

/// What the question may cost, in words and in millionths.
pub(super) const EPSILON: (&str, u64) = ("0.5", 500_000);

/// Who holds what after both jobs; `count` and `spec` are those of the first.
pub(super) fn learned(
    count: &ResultDocument,
    spec: &JobSpec,
    snowy: &Shop,
    brand: &Shop,
) -> String {
    let (asking, answering) = (snowy.name, brand.name);
    let answer = count.rows.iter().flatten().map(ToString::to_string);
    let answer = answer.collect::<Vec<_>>().join(", ");
    let size = |size: Option<u64>| size.map_or_else(|| "?".into(), |size| size.to_string());
    let (receiver, sender) = match spec.receiver {
        Party::Requester => (asking, answering),
        Party::Responder => (answering, asking),
    };
    let of_answering = match spec.receiver {
        Party::Requester => format!("not the answers, and not who {asking} knows"),
        Party::Responder => "how many matched, on its node's machine; not who they are".into(),
    };
    let (points, tags) = (
        size(count.stats.receiver_size),
        size(count.stats.sender_size),
    );
    format!(
        "   both     the questions, and padded sizes: first {points} points of {receiver}, {tags} tags \
         of {sender}\n   \
         {asking}    the count, {answer}, and the table; not which of its customers they are\n   \
         {answering}    {of_answering}\n   \
         neither  a row, an address or a hash of the other, or how many rows passed a filter\n"
    )
}

/// Compares both answers, the count and the totals, with what the files themselves say; returns
/// the count.
pub(super) fn compare(
    folder: &Path,
    [count, totals]: [&ResultDocument; 2],
    [snowy, brand]: [&Shop; 2],
    after: &str,
) -> Result<u64, UserError> {
    let read = |shop: &Shop, file: &str| {
        let path = folder.join(shop.name).join(file);
        std::fs::read_to_string(&path)
            .map_err(|e| UserError::machine(format!("cannot read {}", path.display()), e))
    };
    let customers = read(snowy, "customers.csv")?;
    let plain = sample::plain_count(&customers, &read(brand, "customers.csv")?, after);
    let answer = count.rows.first().and_then(|row| row.first());
    if answer.and_then(Value::as_u64) != Some(plain) {
        return Err(UserError::internal(format!(
            "the nodes answered {}, a plain join of the files answers {plain}",
            answer.map_or_else(|| "nothing".into(), ToString::to_string)
        )));
    }
    let expected = sample::plain_totals(&customers, &read(brand, "orders.csv")?);
    compare_totals(totals, &expected)?;
    Ok(plain)
}

/// Compares the noisy count with what the files say, and says so: the noise has a bound.
pub(super) fn compare_noisy(noisy: &ResultDocument, plain: u64) -> Result<String, UserError> {
    let Some(count) = noisy.rows.first().and_then(|row| row.first()) else {
        return Ok("the noisy count was too small to be shown".into());
    };
    let internal = |e: psi_core::dp::NoiseError| UserError::internal(e.to_string());
    let epsilon = Epsilon::from_micros(EPSILON.1).map_err(internal)?;
    let reach = dummies(epsilon, Delta(DELTA_DEFAULT)).map_err(internal)? / 2;
    match count.as_u64() {
        Some(count) if count.abs_diff(plain) <= reach => Ok(format!(
            "the noisy count {count} is {} away from it; no noise of this count is above {reach}",
            count.abs_diff(plain)
        )),
        _ => Err(UserError::internal(format!(
            "the nodes answered {count} with noise up to {reach}, a plain join answers {plain}"
        ))),
    }
}

fn compare_totals(document: &ResultDocument, expected: &[RegionTotal]) -> Result<(), UserError> {
    let differs = |region: &str| {
        UserError::internal(format!(
            "the nodes answered {:?} with {:?}, which is not what a plain join of the files \
             answers for {region}",
            document.rows, document.row_status
        ))
    };
    for (number, row) in document.rows.iter().enumerate() {
        let region = row.first().and_then(Value::as_str).unwrap_or_default();
        let suppressed = document
            .row_status
            .get(number)
            .is_some_and(|status| status == SUPPRESSED);
        let plain = expected.iter().find(|total| total.region == region);
        let same = match plain {
            Some(total) if !suppressed => is_total(row, total),
            Some(total) => total.customers < sample::MINIMUM,
            // Every order of the sample goes to a listed region.
            None => region == OTHER && suppressed,
        };
        if !same {
            return Err(differs(region));
        }
    }
    // `other` is a row of its own.
    if document.rows.len() == expected.len() + 1 {
        Ok(())
    } else {
        Err(differs("every region"))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the average is compared to nine digits; the total to the cent"
)]
fn is_total(row: &[Value], total: &RegionTotal) -> bool {
    let [_, orders, sum, average] = row else {
        return false;
    };
    let cents = format!("{}.{:02}", total.cents / 100, total.cents % 100);
    let plain = total.cents as f64 / 100.0 / total.orders as f64;
    let average = average.as_str().and_then(|text| text.parse::<f64>().ok());
    total.customers >= sample::MINIMUM
        && orders.as_u64() == Some(total.orders)
        && sum.as_str() == Some(&cents)
        && average.is_some_and(|average| (average - plain).abs() < 1e-9 * plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn totals(cents: u64) -> Vec<RegionTotal> {
        vec![
            RegionTotal {
                region: "north",
                customers: 20,
                orders: 40,
                cents,
            },
            RegionTotal {
                region: "islands",
                customers: 3,
                orders: 5,
                cents: 500,
            },
        ]
    }

    fn document() -> ResultDocument {
        let mut document = ResultDocument::new("exact");
        document.rows = vec![
            vec![json!("north"), json!(40), json!("100.20"), json!("2.505")],
            vec![json!("islands"), json!(null), json!(null), json!(null)],
            vec![json!("other"), json!(null), json!(null), json!(null)],
        ];
        document.row_status = ["released", "suppressed", "suppressed"]
            .map(Into::into)
            .into();
        document
    }

    #[test]
    fn totals_are_compared_to_the_cent_and_small_regions_have_to_be_suppressed() {
        assert!(compare_totals(&document(), &totals(10_020)).is_ok());
        assert!(compare_totals(&document(), &totals(10_021)).is_err());
        let mut shown = document();
        shown.row_status[1] = "released".into();
        assert!(compare_totals(&shown, &totals(10_020)).is_err());
        let mut short = document();
        short.rows.pop();
        assert!(compare_totals(&short, &totals(10_020)).is_err());
    }
}
