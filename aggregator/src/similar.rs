//! What somebody may have meant by a name that is not known.
//!
//! Called where a name of a query or of the configuration has no meaning. It is said to this node's own
//! people alone: names of tables and columns are not for a peer.

/// The known name that differs least from `name`, if it differs little.
pub(crate) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    // One letter of three may be wrong, as in most slips.
    let most = (name.chars().count() / 3).clamp(1, 3);
    let distances = known.into_iter().map(|known| {
        let distance = strsim::osa_distance(&folded, &known.to_lowercase());
        (distance, known)
    });
    let nearest = distances.min_by_key(|(distance, _)| *distance);
    nearest
        .filter(|(distance, _)| *distance <= most)
        .map(|(_, known)| known)
}

/// The same as the rest of a sentence: `; did you mean "region"?`, or nothing.
pub(crate) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    similar(name, known).map_or_else(String::new, |known| format!("; did you mean {known:?}?"))
}

#[cfg(test)]
mod tests {
    use super::{similar, suggestion};

    #[test]
    fn a_slip_is_understood_and_another_name_is_not() {
        let known = ["region", "last_purchase", "id", "E-Mail"];
        for (name, meant) in [
            ("regoin", Some("region")),
            ("Region", Some("region")),
            ("last_purchse", Some("last_purchase")),
            ("lastpurchase", Some("last_purchase")),
            ("e_mail", Some("E-Mail")),
            ("ic", Some("id")),
            ("country", None),
            ("", None),
        ] {
            assert_eq!(similar(name, known), meant, "{name}");
        }
        assert_eq!(suggestion("regio", known), "; did you mean \"region\"?");
        assert_eq!(suggestion("country", known), "");
    }
}
