//! The result document: the JSON that `query --format json` prints and the job list keeps.
//!
//! Stable and documented in `docs/operating/local-api.md`; scripts rely on it. Sizes are the padded
//! ones that both sides agreed on, never true sizes. Filled by the job runner, printed by the
//! command line.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What came out of a job, or why nothing did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultDocument {
    /// The job's name in both members' receipts, in hexadecimal; absent before the job was agreed.
    pub job_id: Option<String>,
    /// `released`, `suppressed`, `refused` or `aborted`.
    pub status: String,
    /// `exact`.
    pub mode: String,
    /// The names of the output columns.
    pub columns: Vec<String>,
    /// The output rows; empty unless the status is `released`.
    pub rows: Vec<Vec<Value>>,
    /// Why there are no rows, as a stable text.
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
            reason: None,
            detail: None,
            remedy: None,
            stats: JobStats::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ResultDocument;

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
}
