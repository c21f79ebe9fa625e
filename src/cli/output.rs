//! Where a command's words go: data to stdout, as text for people or as JSON for programs; all else to stderr.

use core::fmt::Display;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, IsTerminal, Write};

use indicatif::ProgressBar;
use rustix::fs::FileType;
use serde::Serialize;
use tokio::io::Interest;
use tokio::net::unix::pipe;

use crate::cli::commands::with_manager;
use crate::cli::render::{Style, steers};
use crate::cli::{Failure, log};

/// What a command says, and in which form.
#[derive(Debug)]
pub(super) struct Output {
    /// JSON in place of text.
    pub json: bool,
    /// Colours, where there are any.
    pub style: Style,
    /// The manager that a command has to name, where it is not the usual one.
    pub manager: Option<String>,
    /// None: stdout. Some: what was said so far.
    kept: Option<Vec<u8>>,
    /// Whether somebody still reads.
    read: bool,
    /// Why what was said is not where it should be.
    lost: Option<io::Error>,
}

impl Output {
    /// To stdout.
    pub(super) fn stdout(json: bool) -> Output {
        let colour = !json && log::colour(&io::stdout());
        Output { json, style: Style::new(colour), manager: None, kept: None, read: true, lost: None }
    }

    /// Into memory.
    pub(super) fn kept(json: bool, style: Style) -> Output {
        Output { json, style, manager: None, kept: Some(Vec::new()), read: true, lost: None }
    }

    /// What was said into memory.
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.kept.unwrap_or_default()).unwrap_or_default()
    }

    /// Whether stdout is a terminal, so that a screen can be drawn anew.
    pub(super) fn is_terminal(&self) -> bool {
        self.kept.is_none() && io::stdout().is_terminal()
    }

    /// Says the one thing that a command has to say.
    pub(super) fn data(&mut self, value: &impl Serialize, text: impl FnOnce(Style) -> String) {
        match self.json {
            true => self.write(&(plain(&serde_json::to_string_pretty(value).unwrap_or_default()) + "\n")),
            false => {
                let text = text(self.style);
                self.write(&text);
            }
        }
    }

    /// Says one of many things: a line of JSON, or text. Whether somebody still reads.
    pub(super) fn item(&mut self, value: &impl Serialize, text: impl FnOnce(Style) -> String) -> bool {
        match self.json {
            true => self.write(&(plain(&serde_json::to_string(value).unwrap_or_default()) + "\n")),
            false => {
                let text = text(self.style);
                self.write(&text);
            }
        }
        self.read
    }

    /// Says a line of JSON that is there already. Whether somebody still reads.
    pub(super) fn raw(&mut self, json: &str) -> bool {
        self.write(&format!("{}\n", plain(json)));
        self.read
    }

    /// Says something about what is done, to people: on stderr, whatever the form of the data. Where all that is
    /// said is kept, it belongs to the text.
    pub(super) fn note(&mut self, text: &str) {
        let text = self.named(text);
        match &mut self.kept {
            Some(kept) if !self.json => kept.extend_from_slice(format!("{text}\n").as_bytes()),
            Some(_) => {}
            // Nobody may be reading: that is no failure.
            None => drop(writeln!(io::stderr().lock(), "{text}")),
        }
    }

    /// `text`, whose commands name the manager where they have to.
    pub(super) fn named(&self, text: &str) -> String {
        self.manager.as_ref().map_or_else(|| text.to_owned(), |manager| with_manager(text, manager))
    }

    /// Says text as it is. Nobody may be reading any more: that is no failure, but it is the end of a stream.
    pub(super) fn write(&mut self, text: &str) {
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(text.as_bytes());
            return;
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            self.read = false;
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.lost.get_or_insert(error);
            }
        }
    }

    /// Whether all that was said came to where it should be. Who stopped reading wanted no more.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        self.lost.take().map_or(Ok(()), |error| {
            let error = format!("stdout cannot be written: {error}");
            Err(Failure::new(error, "see to its file or disk, and call again"))
        })
    }
}

/// Waits until nobody reads stdout any more: what would be said then is for nobody, and there may be nothing to
/// say for long. Only a pipe has a reader that goes; of anything else this has no end.
pub(super) async fn unread() {
    let mode = rustix::fs::fstat(rustix::stdio::stdout()).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if mode == Ok(FileType::Fifo)
        && let Ok(stdout) = rustix::io::dup(rustix::stdio::stdout())
        // Unchecked: it may block where it is written to, and it is not written to here.
        && let Ok(stdout) = pipe::Sender::from_owned_fd_unchecked(stdout)
        && stdout.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    core::future::pending().await
}

/// JSON that says the same and steers no terminal: what could is escaped. It stands in strings only, where JSON
/// may escape whatever it likes.
fn plain(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match steers(c) && c != '\n' {
            true => text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
            false => text.push(c),
        }
    }
    text
}

/// Prints the report that a program was run for, as a table or as JSON: all of it, or it is an error.
pub(super) fn print_report(report: &(impl Serialize + Display), json: bool) -> Result<(), Failure> {
    let mut text = report.to_string();
    if json {
        let json = serde_json::to_string_pretty(report);
        text = json.map_err(|error| Failure::new(format!("no JSON of the report: {error}"), ""))? + "\n";
    }
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::new(format!("the report could not be written: {error}"), ""))
}

/// Whether commands of this process show on a terminal that something goes on. A manager's do not: its terminal
/// is its console's.
static SHOWS_PROGRESS: AtomicBool = AtomicBool::new(true);

/// From now on nothing shows that something goes on.
pub(super) fn without_spinners() {
    SHOWS_PROGRESS.store(false, Ordering::Relaxed);
}

/// Shows on a terminal that something goes on, and nothing elsewhere. Proof of work has no memory, so there is
/// no end to count down to.
pub(super) fn spinner(message: String) -> ProgressBar {
    if !SHOWS_PROGRESS.load(Ordering::Relaxed) || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(message);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_and_steers_no_terminal() {
        let value = serde_json::json!({ "text": "a\u{9b}31m\u{7f}\u{202e}é\u{200b}\u{e0041}\u{1f600}\n\u{1b}", "n": [1] });
        for pretty in [true, false] {
            let json = match pretty {
                true => serde_json::to_string_pretty(&value),
                false => serde_json::to_string(&value),
            };
            let text = plain(&json.expect("JSON"));
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), value);
            let shown = r"a\u009b31m\u007f\u202eé\u200b\udb40\udc41";
            assert!(text.contains(shown) && text.contains('\u{1f600}'), "{text}");
            assert!(text.chars().all(|c| !steers(c) || c == '\n'), "{text:?}");
        }
    }
}
