//! `networkmngr logs`: what the nodes and the manager log, merged by time.

use serde_json::json;

use crate::cli::client::Lines;
use crate::cli::commands::Context;
use crate::cli::render::safe;
use crate::cli::{Failure, UNREACHABLE, names};
use crate::limits::MAX_LOG_LINES;

const EXAMPLES: &str = "\
Examples:
  networkmngr logs
  networkmngr logs B --since 1m
  networkmngr logs manager
  networkmngr logs -f --grep reorg
  networkmngr logs --since 2026-01-31T12:00:00Z --json";

/// Characters of a line that are shown.
const LINE: usize = 2000;

/// Which lines.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LogsArgs {
    /// Whose: a node's, or `manager`; if not given, of all of them.
    #[arg(value_name = "NODE", value_parser = whose)]
    node: Option<String>,
    /// Go on as lines come, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Since when: a time ago such as 30s or 5m, or a moment such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<String>,
    /// Lines that hold this text only.
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// The last so many lines.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1000)]
    limit: u32,
}

/// Whose log, as the API takes it: a node's number, or `manager`.
fn whose(text: &str) -> Result<String, String> {
    match text {
        "manager" => Ok(text.to_owned()),
        _ => names::node(text)
            .map(|number| number.to_string())
            .map_err(|_| "expected a node's number or letter, such as 3 or D, or manager".to_owned()),
    }
}

/// A moment, as the API takes it: seconds ago, or RFC 3339.
fn since(text: &str) -> Result<String, String> {
    if let Ok(ago) = crate::cli::values::time(text) {
        return Ok(ago.as_secs_f64().to_string());
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(moment) => Ok(moment.to_string()),
        Err(_) => Err("expected a time ago such as 5m, or a moment such as 2026-01-31T12:00:00Z".to_owned()),
    }
}

/// Text in a query: whatever could mean something there is escaped.
pub(super) fn in_query(text: &str) -> String {
    let escaped = |byte: u8| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}

impl LogsArgs {
    /// Whether it never ends by itself.
    pub(in crate::cli) fn is_endless(&self) -> bool {
        self.follow
    }

    fn path(&self) -> String {
        self.path_of(self.limit as usize, self.since.as_deref())
    }

    fn path_of(&self, limit: usize, since: Option<&str>) -> String {
        let mut query = vec![format!("limit={limit}")];
        query.extend(self.node.as_ref().map(|node| format!("node={node}")));
        query.extend(since.map(|since| format!("since={}", in_query(since))));
        query.extend(self.grep.as_ref().map(|text| format!("grep={}", in_query(text))));
        query.extend(self.follow.then(|| "follow=true".to_owned()));
        format!("/api/v1/logs?{}", query.join("&"))
    }
}

/// The newest lines that were read, by which it is known where to go on.
#[derive(Debug)]
struct Seen {
    time: jiff::Timestamp,
    lines: Vec<String>,
}

impl Seen {
    /// Nothing yet: what comes from now on is new.
    fn nothing() -> Seen {
        Seen { time: jiff::Timestamp::now(), lines: Vec::new() }
    }

    /// Takes a line, which may be of an older time than the last: they are of several logs.
    fn take(&mut self, line: &str) {
        let time = line.split(' ').nth(1).and_then(|time| time.parse::<jiff::Timestamp>().ok());
        match time {
            Some(time) if self.lines.is_empty() || time > self.time => {
                *self = Seen { time, lines: vec![line.to_owned()] };
            }
            Some(time) if time == self.time => self.lines.push(line.to_owned()),
            _ => {}
        }
    }

    /// Whether it was read before the answer broke off.
    fn has(&self, line: &str) -> bool {
        self.lines.iter().any(|seen| seen == line)
    }
}

pub(super) async fn run(args: &LogsArgs, context: &mut Context) -> Result<(), Failure> {
    let mut lines = Lines::open(&context.client, &args.path(), &[]).await?;
    let (mut seen, mut goes_on) = (Seen::nothing(), false);
    loop {
        let line = match lines.next().await {
            Ok(Some(line)) if goes_on && seen.has(&line) => continue,
            Ok(Some(line)) => line,
            // The network ended: a new one may take its place.
            Ok(None) | Err(_) if args.follow => {
                let path = args.path_of(MAX_LOG_LINES, Some(&seen.time.to_string()));
                lines = Lines::again(&context.client, &path).await?;
                goes_on = true;
                continue;
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                let error = format!("the manager broke off: {error}");
                return Err(Failure { code: UNREACHABLE, ..Failure::new(error, "ask again") });
            }
        };
        seen.take(&line);
        let (source, text) = line.split_once(' ').unwrap_or((&line, ""));
        let node = names::node(source).ok().filter(|_| source.starts_with("node-"));
        let is_read = context.output.item(&json!({"source": source, "node": node, "line": text}), |style| {
            let who = node.map_or("-".to_owned(), names::letters);
            let shown = safe(text, LINE);
            let shown = match text {
                _ if text.contains(" ERROR ") => style.bad(&shown),
                _ if text.contains(" WARN ") => style.warn(&shown),
                _ => shown,
            };
            format!("{} {shown}\n", style.lane(node.map_or(0, |node| node + 1), &format!("{who:<3}")))
        });
        if !is_read {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_a_nodes_or_the_managers() {
        assert_eq!(whose("manager").as_deref(), Ok("manager"));
        assert_eq!(whose("D").as_deref(), Ok("3"));
        assert!(whose("managers").is_err());
    }

    #[test]
    fn a_moment_is_told_as_the_api_takes_it() {
        assert_eq!(since("1m").as_deref(), Ok("60"));
        assert_eq!(since("30").as_deref(), Ok("30"));
        assert_eq!(since("500ms").as_deref(), Ok("0.5"));
        assert_eq!(since("2026-01-31T13:00:00+01:00").as_deref(), Ok("2026-01-31T12:00:00Z"));
        assert!(since("yesterday").is_err());
        assert_eq!(in_query("a b&c=d%é"), "a%20b%26c%3Dd%25%C3%A9");
    }
}
