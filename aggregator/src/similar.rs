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

/// Names that are listed where none is near.
const LISTED_MAX: usize = 8;

/// [`suggestion`], or the names that are known, if no one of them is near: `; listed are "a", "b"`.
pub(crate) fn or_known<N: AsRef<str>>(name: &str, known: impl IntoIterator<Item = N>) -> String {
    let known: Vec<N> = known.into_iter().collect();
    let near = suggestion(name, known.iter().map(AsRef::as_ref));
    if !near.is_empty() || known.is_empty() {
        return near;
    }
    let listed = known.iter().take(LISTED_MAX);
    let listed: Vec<String> = listed.map(|name| format!("{:?}", name.as_ref())).collect();
    let more = match known.len() - listed.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let are = if known.len() == 1 { "is" } else { "are" };
    format!("; listed {are} {}{more}", listed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{or_known, similar, suggestion};

    #[test]
    fn where_no_name_is_near_the_known_ones_are_listed() {
        assert_eq!(
            or_known("regoin", ["region", "age"]),
            "; did you mean \"region\"?"
        );
        assert_eq!(
            or_known("country", ["region", "age"]),
            "; listed are \"region\", \"age\""
        );
        assert_eq!(or_known("country", ["age"]), "; listed is \"age\"");
        let none: [&str; 0] = [];
        assert_eq!(or_known("country", none), "");
        let many: Vec<String> = (0..10).map(|n| format!("column{n}")).collect();
        assert!(or_known("x", many).ends_with("\"column7\", and 2 more"));
    }

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
