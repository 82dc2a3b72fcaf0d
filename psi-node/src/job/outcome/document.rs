//! The result document: the JSON that `query --format json` prints and the job list keeps.
//!
//! Stable and documented in `docs/operating/local-api.md`; scripts rely on it. Sizes are the padded
//! ones that both sides agreed on, never true sizes. Filled by the job runner, printed by the
//! command line.

use aggregator::{ResultColumn, ResultRow, ResultTable};
use psi_core::spec::JobSpec;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::matrix::{Answer, Matrix};
use super::privacy::PrivacyDocument;
use super::value::shown;
use crate::state::JobState;

/// The value of [`ResultDocument::row_status`] for a row that is shown.
pub const RELEASED: &str = "released";

/// The value for a row that rests on too few identities.
pub const SUPPRESSED: &str = "suppressed";

/// What came out of a job, or why nothing did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultDocument {
    /// The job's name in both members' receipts, in hexadecimal; absent before the job was agreed.
    pub job_id: Option<String>,
    /// `released`, `suppressed`, `refused` or `aborted`.
    pub status: String,
    /// `exact` or `dp`.
    pub mode: String,
    /// The names of the output columns.
    pub columns: Vec<String>,
    /// The output rows. Without GROUP BY empty unless the status is `released`; with GROUP BY
    /// suppressed rows too, with the labels of their groups and null for everything else.
    pub rows: Vec<Vec<Value>>,
    /// With GROUP BY, `released` or `suppressed` for each row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row_status: Vec<String>,
    /// With GROUP BY, the places in `columns` of those that hold the labels of groups, counted from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<usize>,
    /// With GROUP BY one column of each member, and every pair of their groups in the answer: the
    /// same figures as rows and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
    /// How the values of a column were taken, where that was not as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<ColumnNote>,
    /// What of the question is probably a slip, such as a text that is nearly a listed group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slips: Vec<String>,
    /// Of a list: how many identifiers match, and the file that holds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ListDocument>,
    /// In mode `dp`: what the job cost, and how far its numbers stray.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<PrivacyDocument>,
    /// Why the answer has no rows, as a stable text.
    pub reason: Option<String>,
    /// What happened, for the person who asked. Absent if a result was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What the job cost.
    pub stats: JobStats,
}

/// What the result document says of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListDocument {
    /// Identifiers of this side that match.
    pub count: u64,
    /// The file that holds them.
    pub file: String,
    /// `csv` or `parquet`.
    pub format: String,
}

/// How the values of an output column were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnNote {
    /// The column's name.
    pub column: String,
    /// The decimal scale to which doubles and decimals were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// Whether the contribution of one identity was clamped.
    #[serde(default)]
    pub clamped: bool,
}

/// What a job cost this node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobStats {
    /// Records of the Receiver's padded list.
    pub receiver_size: Option<u64>,
    /// Records of the Sender's padded list.
    pub sender_size: Option<u64>,
    /// Bytes of frames sent to the peer.
    pub bytes_sent: u64,
    /// Bytes of frames received from the peer.
    pub bytes_received: u64,
    /// UDP payload bytes sent on the job's connection.
    #[serde(default)]
    pub udp_bytes_sent: u64,
    /// UDP payload bytes received on the job's connection.
    #[serde(default)]
    pub udp_bytes_received: u64,
    /// Processor seconds of this node while the job ran.
    pub cpu_seconds: f64,
    /// Seconds from the request to the result.
    pub wall_seconds: f64,
    /// The largest resident memory of this node so far, where the system tells.
    pub peak_rss_bytes: Option<u64>,
}

impl ResultDocument {
    /// A document of a job that has not ended.
    #[must_use]
    pub fn new(mode: &str) -> Self {
        Self {
            job_id: None,
            status: "running".into(),
            mode: mode.into(),
            columns: Vec::new(),
            rows: Vec::new(),
            row_status: Vec::new(),
            groups: Vec::new(),
            matrix: None,
            notes: Vec::new(),
            slips: Vec::new(),
            list: None,
            privacy: None,
            reason: None,
            detail: None,
            remedy: None,
            stats: JobStats::default(),
        }
    }
}

impl ResultDocument {
    /// The job was agreed on.
    pub(in crate::job) fn begin(&mut self, spec: &JobSpec) {
        self.job_id = Some(hex::encode(spec.job_id()));
        self.stats.receiver_size = Some(spec.receiver_size());
        self.stats.sender_size = Some(spec.sender_size);
    }

    /// Takes the rows of a job that came to its end, and says how that counts. `grouped` is whether
    /// the query has GROUP BY.
    pub(super) fn fill(&mut self, table: &ResultTable, grouped: bool) -> JobState {
        self.columns = table.columns.iter().map(|c| c.name.clone()).collect();
        let groups = table.columns.iter().enumerate();
        let groups = groups.filter(|(_, column)| column.groups_of.is_some());
        self.groups = groups.map(|(place, _)| place).collect();
        self.notes = table.columns.iter().filter_map(note).collect();
        let all_suppressed = !table.rows.is_empty() && table.rows.iter().all(|row| row.suppressed);
        if grouped || !all_suppressed {
            self.rows = table.rows.iter().map(values).collect();
        }
        if grouped {
            let status = |row: &ResultRow| if row.suppressed { SUPPRESSED } else { RELEASED };
            self.row_status = table
                .rows
                .iter()
                .map(|row| status(row).to_owned())
                .collect();
            self.matrix = self.overlap(table);
        }
        if all_suppressed {
            self.reason = Some("below_minimum".into());
            JobState::Suppressed
        } else {
            JobState::Released
        }
    }

    /// The matrix of an answer with one group column of each member.
    fn overlap(&self, table: &ResultTable) -> Option<Matrix> {
        let owner = |place: &usize| table.columns.get(*place)?.groups_of;
        match self.groups.as_slice() {
            [down, across] if owner(down) != owner(across) => {
                Matrix::of(self.matrix_parts(), *down, *across)
            }
            _ => None,
        }
    }

    pub(super) fn matrix_parts(&self) -> Answer<'_> {
        Answer {
            columns: &self.columns,
            groups: &self.groups,
            rows: &self.rows,
            row_status: &self.row_status,
        }
    }
}

fn note(column: &ResultColumn) -> Option<ColumnNote> {
    let worth_saying = column.clamped || column.decimals.is_some();
    worth_saying.then(|| ColumnNote {
        column: column.name.clone(),
        decimals: column.decimals,
        clamped: column.clamped,
    })
}

fn values(row: &ResultRow) -> Vec<Value> {
    row.values.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use aggregator::{ResultColumn, ResultRow, ResultTable, ResultValue};
    use psi_core::spec::Party;
    use serde_json::json;

    use super::{JobState, ResultDocument};

    fn column(name: &str, decimals: Option<u8>, clamped: bool) -> ResultColumn {
        ResultColumn {
            name: name.into(),
            decimals,
            clamped,
            groups_of: (name == "region").then_some(Party::Requester),
        }
    }

    fn row(suppressed: bool, values: Vec<ResultValue>) -> ResultRow {
        ResultRow { suppressed, values }
    }

    #[test]
    fn the_keys_of_the_document_are_the_documented_ones_in_their_order() {
        let mut document = ResultDocument::new("exact");
        document.status = "released".into();
        document.columns = vec!["count(*)".into()];
        document.rows = vec![vec![318.into()]];
        let text = serde_json::to_string(&document).unwrap();
        assert_eq!(
            text,
            "{\"job_id\":null,\"status\":\"released\",\"mode\":\"exact\",\
             \"columns\":[\"count(*)\"],\"rows\":[[318]],\"reason\":null,\
             \"stats\":{\"receiver_size\":null,\"sender_size\":null,\"bytes_sent\":0,\
             \"bytes_received\":0,\"udp_bytes_sent\":0,\"udp_bytes_received\":0,\
             \"cpu_seconds\":0.0,\"wall_seconds\":0.0,\
             \"peak_rss_bytes\":null}}"
        );
        assert_eq!(
            serde_json::from_str::<ResultDocument>(&text).unwrap(),
            document
        );
    }

    #[test]
    fn rows_with_groups_say_each_whether_it_was_released() {
        let table = ResultTable {
            columns: vec![
                column("region", None, false),
                column("sum(amount)", Some(2), true),
                column("count(*)", None, false),
            ],
            rows: vec![
                row(
                    false,
                    vec![
                        ResultValue::Text("north".into()),
                        ResultValue::Decimal("12.50".into()),
                        ResultValue::Integer(31),
                    ],
                ),
                row(
                    true,
                    vec![
                        ResultValue::Other,
                        ResultValue::Suppressed,
                        ResultValue::Suppressed,
                    ],
                ),
            ],
        };
        let mut document = ResultDocument::new("exact");
        let ended = document.fill(&table, true);
        assert_eq!(ended, JobState::Released);
        let json = serde_json::to_value(&document).unwrap();
        assert_eq!(
            json["rows"],
            json!([["north", "12.50", 31], ["other", null, null]])
        );
        assert_eq!(json["row_status"], json!(["released", "suppressed"]));
        assert_eq!(json["groups"], json!([0]));
        assert_eq!(
            json["notes"],
            json!([{"column": "sum(amount)", "decimals": 2, "clamped": true}])
        );
    }

    #[test]
    fn groups_of_both_members_make_a_matrix_and_those_of_one_do_not() {
        let of = |owner| ResultTable {
            columns: vec![
                column("region", None, false),
                ResultColumn {
                    groups_of: Some(owner),
                    ..column("tier", None, false)
                },
                column("count(*)", None, false),
            ],
            rows: vec![row(
                false,
                vec![
                    ResultValue::Text("north".into()),
                    ResultValue::Other,
                    ResultValue::Integer(31),
                ],
            )],
        };
        let mut document = ResultDocument::new("exact");
        document.fill(&of(Party::Responder), true);
        let json = serde_json::to_value(&document).unwrap();
        assert_eq!(
            json["matrix"],
            json!({
                "down": {"column": "region", "labels": ["north"]},
                "across": {"column": "tier", "labels": ["other"]},
                "status": [["released"]],
                "figures": [{"column": "count(*)", "values": [[31]]}],
            })
        );
        let mut document = ResultDocument::new("exact");
        document.fill(&of(Party::Requester), true);
        assert_eq!(document.matrix, None);
    }

    #[test]
    fn a_result_is_suppressed_if_all_of_its_rows_are() {
        let hidden = || row(true, vec![ResultValue::Suppressed]);
        let table = |rows| ResultTable {
            columns: vec![column("sum(x)", None, false)],
            rows,
        };
        let mut document = ResultDocument::new("exact");
        let ended = document.fill(&table(vec![hidden()]), false);
        assert_eq!(ended, JobState::Suppressed);
        assert_eq!(document.rows, Vec::<Vec<serde_json::Value>>::new());
        assert_eq!(document.reason.as_deref(), Some("below_minimum"));

        let mut document = ResultDocument::new("exact");
        let ended = document.fill(&table(vec![hidden(), hidden()]), true);
        assert_eq!(ended, JobState::Suppressed);
        assert_eq!(document.rows, vec![vec![json!(null)], vec![json!(null)]]);

        // HAVING may leave no row.
        let mut document = ResultDocument::new("exact");
        let ended = document.fill(&table(Vec::new()), true);
        assert_eq!(ended, JobState::Released);
    }
}
