//! Lines of the logs of all processes, as one: by time, each with its writer's name. Pure.

use crate::net::unix_time;
use crate::text::escaped;
use crate::time::UnixTime;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written. One that does not say was written with the one before.
    pub time: UnixTime,
    /// By whom: `node-003`, `manager`.
    pub who: String,
    /// What it says, control characters escaped.
    pub text: String,
}

/// Which lines somebody wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// None from before.
    pub since: UnixTime,
    /// Those that have this in them.
    pub grep: String,
}

impl Wanted {
    /// Whether it is one of them.
    pub fn takes(&self, line: &Line) -> bool {
        line.time >= self.since && line.text.contains(&self.grep)
    }
}

/// The lines in `text`, that `who` wrote, the first of them no earlier than `before`; the time of the last.
pub fn lines(who: &str, text: &str, before: UnixTime) -> (Vec<Line>, UnixTime) {
    let mut time = before;
    let line = |text: &str| {
        let said = text.split_once(' ').and_then(|(time, _)| unix_time(time));
        time = said.unwrap_or(time);
        // A log cannot forge a terminal.
        Line { time, who: who.to_owned(), text: escaped(text, |c| c == '\t') }
    };
    let lines = text.lines().filter(|text| !text.is_empty()).map(line).collect();
    (lines, time)
}

/// All of them by time; of one time by writer, each one's in their order. The last `limit` of them.
pub fn merged(mut lines: Vec<Line>, limit: usize) -> Vec<Line> {
    lines.sort_by(|a, b| (a.time, &a.who).cmp(&(b.time, &b.who)));
    let first = lines.len().saturating_sub(limit);
    lines.split_off(first)
}

impl core::fmt::Display for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{} {}", self.who, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_merged_by_time_and_lines_without_one_stay_where_they_are() {
        let one = "--- a new run\n2026-01-31T12:00:00.100Z  INFO ready\n  at main\n2026-01-31T12:00:02Z  WARN late\n";
        let other = "2026-01-31T12:00:00.050Z  INFO first\n2026-01-31T12:00:01.000Z  INFO \x1b[2Jx\n";
        let mut all = lines("node-000", one, UnixTime::default()).0;
        all.extend(lines("node-001", other, UnixTime::default()).0);
        let text: String = merged(all.clone(), 100).iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            "node-000 --- a new run\n\
             node-001 2026-01-31T12:00:00.050Z  INFO first\n\
             node-000 2026-01-31T12:00:00.100Z  INFO ready\n\
             node-000   at main\n\
             node-001 2026-01-31T12:00:01.000Z  INFO \\u{1b}[2Jx\n\
             node-000 2026-01-31T12:00:02Z  WARN late\n"
        );
        assert_eq!(merged(all.clone(), 2).len(), 2);
        let since = unix_time("2026-01-31T12:00:00.1Z").expect("a time");
        let wanted = Wanted { since, grep: "INFO".to_owned() };
        assert_eq!(all.iter().filter(|line| wanted.takes(line)).count(), 2);
    }
}
