//! What all processes log, as one, and what they go on to log.

use core::time::Duration;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::limits::{LOGS_BYTES, LOGS_POLL, MAX_LOG_FOLLOWERS, MAX_LOG_LINES};
use crate::manager::api::{Api, input, text};
use crate::manager::log_lines::{Line, Wanted, lines, merged};
use crate::manager::{node_name, record};
use crate::net::{Clock, unix_time};
use crate::rest::body::{Body, respond};
use crate::rest::problem::Problem;
use crate::rest::query;
use crate::time::UnixTime;

/// The type of lines.
const TYPE: &str = "text/plain; charset=utf-8";

/// A number below this is so many seconds ago; one above is a time, in seconds since 1970.
const LONGEST_AGO: f64 = 1e9;

/// A log, as far as it was read.
struct Log {
    who: String,
    path: PathBuf,
    read: u64,
    time: UnixTime,
}

impl Api {
    pub(super) async fn logs(&self, request: &Request<Incoming>) -> Result<Response<Body>, Problem> {
        let follow = input::flag(request, "follow")?;
        let limit = input::number(request, "limit", 1000, (0, MAX_LOG_LINES as u64))?;
        let wanted = Wanted {
            since: query(request, "since").as_deref().map_or(Ok(UnixTime::default()), since)?,
            grep: query(request, "grep").unwrap_or_default().into_owned(),
        };
        let mut logs = self.logs_of(query(request, "node").as_deref())?;
        let place = follow.then(|| self.followers.clone().try_acquire_owned()).transpose().map_err(|_| {
            let why = format!("{MAX_LOG_FOLLOWERS} follow the logs already, which is all that may");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).retry_after(10)
        })?;
        let limit = usize::try_from(limit).unwrap_or(MAX_LOG_LINES);
        // Files are read where a slow disk keeps nobody else waiting.
        let (first, wanted, mut logs) = blocking(move || {
            let share = LOGS_BYTES / logs.len().max(1) as u64;
            let all = read_all(&mut logs, share, &wanted);
            (merged(all, limit), wanted, logs)
        })
        .await?;
        let first: String = first.iter().map(ToString::to_string).collect();
        let Some(place) = place else { return Ok(text(TYPE, first)) };
        let (pieces, body) = mpsc::channel(1);
        let keeper = self.keeper.clone();
        let of_one = query(request, "node").is_some();
        tokio::spawn(async move {
            let _place = place;
            let mut wanted = wanted;
            let mut next = first;
            loop {
                if !next.is_empty() && pieces.send(Ok(Bytes::from(next))).await.is_err() {
                    return;
                }
                tokio::select! {
                    () = sleep(LOGS_POLL) => {}
                    () = pieces.closed() => return,
                    () = keeper.cluster.stopping() => return,
                }
                if !of_one {
                    for member in keeper.cluster.members().iter().skip(logs.len() - 1) {
                        logs.push(Log::new(node_name(member.number), member.log.clone()));
                    }
                }
                let read = blocking(move || {
                    let all = read_all(&mut logs, LOGS_BYTES, &wanted);
                    (merged(all, MAX_LOG_LINES), wanted, logs)
                });
                let Ok(read) = read.await else { return };
                next = read.0.iter().map(ToString::to_string).collect();
                (wanted, logs) = (read.1, read.2);
            }
        });
        Ok(respond(StatusCode::OK, HeaderValue::from_static(TYPE), Body::Stream(body)))
    }

    /// The logs of all, the manager's first, or of the one that is named.
    fn logs_of(&self, node: Option<&str>) -> Result<Vec<Log>, Problem> {
        let manager =
            || Log::new("manager".to_owned(), self.keeper.settings.logs().join(record::MANAGER_LOG));
        match node {
            Some("manager") => Ok(vec![manager()]),
            Some(node) => {
                let member = self.keeper.member(input::node(node)?)?;
                Ok(vec![Log::new(node_name(member.number), member.log.clone())])
            }
            None => {
                let members = self.keeper.cluster.members();
                let of_nodes =
                    members.iter().map(|member| Log::new(node_name(member.number), member.log.clone()));
                Ok([manager()].into_iter().chain(of_nodes).collect())
            }
        }
    }
}

/// The time from which on lines are wanted.
fn since(text: &str) -> Result<UnixTime, Problem> {
    let wrong = || {
        let shown = input::shown(text);
        Problem::bad_request(format!(
            "since={shown}: expected a time such as 2026-01-31T12:00:00Z, or seconds"
        ))
    };
    if let Some(time) = unix_time(text) {
        return Ok(time);
    }
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    Ok(match seconds < LONGEST_AGO {
        true => Clock::wall().minus(time),
        false => UnixTime::default().plus(time),
    })
}

async fn blocking<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(read).await.map_err(|error| {
        tracing::error!(%error, "logs could not be read: a defect of this program");
        Problem::internal()
    })
}

/// What is new in the logs and wanted; of each at most its last `cap` bytes.
fn read_all(logs: &mut [Log], cap: u64, wanted: &Wanted) -> Vec<Line> {
    let mut all = Vec::new();
    for log in logs {
        match log.read(cap) {
            Ok(lines) => all.extend(lines.into_iter().filter(|line| wanted.takes(line))),
            Err(error) => tracing::debug!(log = %log.path.display(), %error, "a log cannot be read"),
        }
    }
    all
}

impl Log {
    fn new(who: String, path: PathBuf) -> Log {
        Log { who, path, read: 0, time: UnixTime::default() }
    }

    /// The whole lines that it has since the last look.
    fn read(&mut self, cap: u64) -> io::Result<Vec<Line>> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        // A file that is shorter than it was is another one.
        let from = if length < self.read { 0 } else { self.read };
        let begin = from.max(length.saturating_sub(cap));
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(length - begin).read_to_end(&mut bytes)?;
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.read = begin + end as u64;
        let mut whole = &bytes[..end];
        if begin > from {
            // It begins within a line.
            let first = whole.iter().position(|byte| *byte == b'\n').map_or(whole.len(), |at| at + 1);
            whole = &whole[first..];
        }
        let (lines, time) = lines(&self.who, &String::from_utf8_lossy(whole), self.time);
        self.time = time;
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_log_is_read_by_whole_lines_and_on_from_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.log");
        let mut file = File::create(&path).expect("a file");
        write!(file, "2026-01-31T12:00:00Z one\n2026-01-31T12:00:01Z two\n2026-01-31T12:00:02Z thr")
            .expect("written");
        let texts =
            |lines: Vec<Line>| lines.into_iter().map(|line| line.text[21..].to_owned()).collect::<Vec<_>>();
        let mut log = Log::new("x".to_owned(), path.clone());
        assert_eq!(texts(log.read(1000).expect("lines")), ["one", "two"]);
        writeln!(file, "ee").expect("written");
        assert_eq!(texts(log.read(1000).expect("lines")), ["three"]);
        assert_eq!(texts(log.read(1000).expect("lines")), [""; 0]);
        let mut late = Log::new("x".to_owned(), path);
        assert_eq!(
            texts(late.read(40).expect("lines")),
            ["three"],
            "the last bytes alone, from a whole line on"
        );
    }

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let at = |text: &str| since(text).map(|time| time.millis());
        assert_eq!(at("2026-01-31T12:00:00Z"), Ok(1_769_860_800_000));
        assert_eq!(at("2026-01-31T12:00:00.5Z"), Ok(1_769_860_800_500));
        assert_eq!(at("1769860800.5"), Ok(1_769_860_800_500));
        let ago = Clock::wall().millis() - at("60").expect("a time");
        assert!((60_000..70_000).contains(&ago), "{ago}");
        for bad in ["", "soon", "-1", "NaN", "2026-13-01T00:00:00Z"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }
}
