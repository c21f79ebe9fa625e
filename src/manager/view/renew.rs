//! `POST /api/v1/restart`: a new network in the place of the one that runs.

use serde::{Deserialize, Deserializer, Serialize};

/// What the new network is to be. What is not said is as it is in the one that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Renew {
    /// How many nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<usize>,
    /// The name of a shape: `mesh`, `ring`, `line`, `star`, `random` or `random:K`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<String>,
    /// Leading zero bits of the first blocks' hashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<u32>,
    /// Seconds between blocks that the difficulty is to follow; null: it is to stay.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    pub block_time: Option<Option<u32>>,
    /// Whether all nodes mine in the background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mine: Option<bool>,
    /// Hashes a second that all of them together mine then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashrate: Option<u64>,
}

/// A value that is there, be it null.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The network ends, and a new one starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// The same, for people.
    pub message: String,
    /// The run of the events of the network that ends; those of the new one have another.
    pub run: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_block_time_is_something_else_than_nothing_said_of_it() {
        for (json, block_time) in
            [("{}", None), (r#"{"block_time":null}"#, Some(None)), (r#"{"block_time":5}"#, Some(Some(5)))]
        {
            let renew: Renew = serde_json::from_str(json).expect("sense");
            assert_eq!(renew, Renew { block_time, ..Renew::default() });
            assert_eq!(serde_json::to_string(&renew).expect("JSON"), json);
        }
    }
}
