//! The one line with which a node that a manager started says that it is ready, or why it is not.
//!
//! `{"ready":true,"node":"<32 hex>","listen":"127.0.0.1:6000","http":"127.0.0.1:5000","pid":123,…}` or
//! `{"ready":false,"error":"…","hint":"…","flag":"--http"}`: real ports, so that 0 can be asked for, and no
//! waiting by sleeping or by knocking.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A node that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Its name, 32 hex digits.
    pub node: String,
    /// Where it takes connections.
    pub listen: SocketAddr,
    /// Where its HTTP is, if anywhere.
    pub http: Option<SocketAddr>,
    /// Its process.
    pub pid: u32,
    /// Program and version.
    pub agent: String,
}

/// A node that could not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotReady {
    /// What is wrong, and where.
    pub error: String,
    /// What to do about it.
    pub hint: String,
    /// The flag at fault, if it is one.
    pub flag: Option<String>,
}

impl Ready {
    /// The line, without its end.
    pub fn line(&self) -> String {
        line(true, self)
    }
}

impl NotReady {
    /// The line, without its end.
    pub fn line(&self) -> String {
        line(false, self)
    }
}

fn line(ready: bool, body: &impl Serialize) -> String {
    let mut json = serde_json::to_value(body).unwrap_or_default();
    if let Value::Object(members) = &mut json {
        members.insert("ready".to_owned(), ready.into());
    }
    json.to_string()
}

/// What a child's line says; none if it is no ready line.
pub fn parse(line: &str) -> Option<Result<Ready, NotReady>> {
    let json: Value = serde_json::from_str(line).ok()?;
    match json.get("ready")?.as_bool()? {
        true => serde_json::from_value(json).ok().map(Ok),
        false => serde_json::from_value(json).ok().map(Err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_says_is_what_its_manager_hears() {
        let ready = Ready {
            node: "0123456789abcdef0123456789abcdef".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 6000)),
            http: Some(SocketAddr::from(([127, 0, 0, 1], 5000))),
            pid: 123,
            agent: "p2pnode/0.1.0".to_owned(),
        };
        assert_eq!(parse(&ready.line()), Some(Ok(ready)));
        let not = NotReady {
            error: "no \"port\"\n".to_owned(),
            hint: String::new(),
            flag: Some("--http".to_owned()),
        };
        assert!(!not.line().contains('\n'));
        assert_eq!(parse(&not.line()), Some(Err(not)));
        for bad in ["", "hello", "{}", r#"{"ready":1}"#, r#"{"ready":true}"#] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
