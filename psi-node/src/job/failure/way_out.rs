//! What a person can ask or declare instead, where a code alone says enough.
//!
//! Spec 09 §1. Part of [`super::Failure`]: the same sentences for a refusal of this node and for one
//! of the other's.

use psi_core::{Code, limits};

/// What to ask or to declare instead, where a code alone says enough. The same on both sides.
pub(super) fn way_out(code: Code) -> Option<String> {
    let text = match code {
        Code::KeyNotUnique => {
            "Count the rows of one table that have a match: `FROM a.t AS t WHERE EXISTS (SELECT 1 \
             FROM b.u AS u WHERE u.key = t.key)`, if both tables list `\"semi\"` in `forms`. Or count \
             distinct keys, or aggregate one table to one row per key and declare the key `unique`."
        }
        Code::UnknownCollaboration => {
            "The other node's owner has to run `psi-node collab join`, or has left the collaboration."
        }
        Code::Unavailable => {
            "The other node may be loading its table, which takes a moment, or its owner may have \
             suspended the collaboration: ask again later, or ask its owner."
        }
        Code::VersionUnsupported => "Install the same version of Glovebox on both nodes.",
        Code::QueryNotAccepted => {
            "Compare each column with a literal of its type: the column's owner knows which that is. If \
             the query compares nothing, install the same version of Glovebox on both nodes."
        }
        Code::KindsDiffer => "Both sides must declare the same kinds for the key's columns.",
        Code::RecipientNotAllowed => {
            "The collaboration must let every recipient receive, and each side that has to count; \
             for a result to both, both tables must say `result = \"both\"`."
        }
        Code::OwnerNotAllowed => {
            "Let the other member ask, or let the table on its side say `owner_may_receive = true`."
        }
        Code::FunctionNotAllowed => {
            "Ask for what `functions` in its owner's table allows for the column."
        }
        Code::FormNotAllowed => {
            "A table answers aggregates, approved templates, or lists, as `rule` in its owner's \
             configuration says, and of aggregates the `forms` that are listed there: a query with \
             EXISTS needs `forms = [\"join\", \"semi\"]` of both tables."
        }
        Code::TemplateNotApproved => {
            "Its owner approves templates by their digest: send it the text that \
             `psi-node policy template-digest` prints."
        }
        Code::ComparisonNotAllowed => "Compare the column as `filter` in its owner's table allows.",
        Code::ExpressionNotAllowed => "Aggregate the column alone, without arithmetic.",
        Code::OutputNotAllowed => "Group by another column.",
        Code::ColumnClamped => "Ask for SUM, AVG or COUNT of the column.",
        Code::GroupNotAllowed => "Group by what `dimension` in its owner's table lists.",
        Code::GroupNotConstant => {
            "Group by columns of one side, or by columns that are the same in all rows of one key."
        }
        Code::TooManyCells => {
            return Some(format!(
                "Group by fewer columns, or list fewer values: one match has at most {} parts, {} \
                 numbers at a position, and {} of these in all parts.",
                limits::PARTS_MAX,
                limits::COMPONENTS_MAX,
                limits::CELLS_MAX
            ));
        }
        Code::SumTooLarge => {
            "Aggregate a column of smaller values, or let its owner declare fewer `decimals` or a \
             `clamp`."
        }
        Code::ClampRequired => {
            "A summed column needs a `clamp` in its owner's table. To count rows, the table needs \
             `max_rows_per_identity` or a `unique` key."
        }
        Code::VarianceNotPrivate => "Ask for SUM, AVG or COUNT.",
        Code::BothSidesNotPrivate => {
            "Ask two questions, each with aggregates of one side's columns alone."
        }
        Code::EpsilonNotAllowed => {
            "Ask with another `--epsilon` or `--delta`: the maximum is `epsilon_max` and \
             `delta_max` in each owner's table."
        }
        Code::TooManyJobs => "Ask again later; `query --wait` asks until there is a place.",
        Code::RevisionDiffers => {
            "Compare `psi-node collab show` on both sides: the member with the older revision joins \
             the newer one with `psi-node collab join`; then ask again."
        }
        Code::ApprovalPending => "Ask again later; `query --wait` asks until it is decided.",
        Code::RunsExhausted | Code::BudgetExhausted => {
            "Ask the other node's owner when it is renewed; that node's own log says so."
        }
        _ => return None,
    };
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_whose_reason_stays_with_the_other_owner_has_no_way_out_here() {
        assert_eq!(way_out(Code::TableNotOffered), None);
        let figures = way_out(Code::TooManyCells).unwrap();
        assert!(
            figures.contains(&limits::PARTS_MAX.to_string()),
            "{figures}"
        );
    }
}
