//! One node's process: started with a pipe on its stdin that ends with us, heard once on its stdout, watched
//! until its end.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::limits::{
    CHILD_READY_TIMEOUT, CONTROL_TIMEOUT, MAX_READY_LINE_BYTES, PREDECESSOR_POLL, PREDECESSOR_TIMEOUT,
};
use crate::manager::control::ControlError;
use crate::manager::exit::Exit;
use crate::manager::ready::{self, NotReady, Ready};
use crate::manager::tail::{self, last_lines};

/// The program that nodes are.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// What it is called with before a node's flags.
    pub first: Vec<String>,
}

/// Why `program` cannot be run.
fn not_run(program: &Program, error: &io::Error) -> NotStarted {
    NotStarted::Program { program: program.path.clone(), error: error.to_string(), is_short: is_short(error) }
}

/// Why a node of `program` that is to write to `log` cannot.
fn no_log(program: &Program, log: &Path, error: &io::Error) -> NotStarted {
    match is_short(error) {
        true => not_run(program, error),
        false => NotStarted::Log { log: log.to_owned(), error: error.to_string() },
    }
}

/// Whether the system had no more files, processes or memory.
fn is_short(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let short = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
    short.iter().any(|short| error.raw_os_error() == Some(short.raw_os_error()))
}

/// One node to be started.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where it is to take connections.
    pub listen: SocketAddr,
    /// Where its HTTP is to be.
    pub http: SocketAddr,
    /// Its log.
    pub log: PathBuf,
    /// Its other flags.
    pub flags: Vec<OsString>,
}

/// Why a node is not there.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotStarted {
    /// Its program could not be run.
    #[error("{} cannot be run: {error}", program.display())]
    Program {
        /// The file.
        program: PathBuf,
        /// What the system said.
        error: String,
        /// Whether it had no more files, processes or memory.
        is_short: bool,
    },
    /// Its log cannot be written.
    #[error("{} cannot be written: {error}", log.display())]
    Log {
        /// Which.
        log: PathBuf,
        /// What the system said.
        error: String,
    },
    /// A process of an earlier run is still there.
    #[error("a process of an earlier run still writes to {}", .0.display())]
    Occupied(PathBuf),
    /// It said why itself.
    #[error("{}", why.error)]
    Refused {
        /// What it said.
        why: NotReady,
        /// How it ended then.
        exit: Exit,
    },
    /// It ended without a word.
    #[error("{exit} before it was ready{}", quoted(lines))]
    Died {
        /// How.
        exit: Exit,
        /// Its log.
        log: PathBuf,
        /// The end of that.
        lines: Vec<String>,
    },
    /// It did not say that it is ready.
    #[error("not ready within {} s", CHILD_READY_TIMEOUT.as_secs())]
    Late,
    /// It said something else.
    #[error("it is no p2pnode: it says {0:?}")]
    Stranger(String),
    /// It is ready, but cannot be managed.
    #[error("it cannot be managed: {0}")]
    Control(#[from] ControlError),
}

/// Lines of a log, as they are shown under an error.
pub(super) fn quoted(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    | {line}")).collect()
}

impl NotStarted {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            NotStarted::Program { is_short: true, .. } => {
                "raise the limits (`ulimit -n 65536`, `ulimit -u unlimited`), or start fewer nodes with --amount: \
                 `networkmngr doctor` looks at what there is"
                    .to_owned()
            }
            NotStarted::Program { .. } => "name the program of a node with --node-program".to_owned(),
            NotStarted::Log { log, .. } if !log.parent().is_some_and(Path::exists) => {
                "the network's folder was moved or removed: put it back, or end the network with `networkmngr \
                 down` and start another"
                    .to_owned()
            }
            NotStarted::Log { .. } => "see to it that it can be written".to_owned(),
            // Our flags for its flags: a user of the manager knows no others.
            NotStarted::Occupied(log) => {
                format!("end it: `fuser {}` shows which, and its parent is gone", log.display())
            }
            NotStarted::Refused { why, .. } => match why.flag.as_deref() {
                Some("--http") => why.hint.replace("--http", "--base-http"),
                Some("--listen") => why.hint.replace("--listen", "--base-listen"),
                _ => why.hint.clone(),
            },
            NotStarted::Died { lines, .. } if lines.is_empty() => {
                "its log says nothing: name a p2pnode with --node-program".to_owned()
            }
            NotStarted::Died { log, .. } => format!("its log may say more: {}", log.display()),
            NotStarted::Control(_) => "its log, in the logs folder, may say more".to_owned(),
            NotStarted::Late => "the machine may be too busy: start fewer nodes with --amount".to_owned(),
            NotStarted::Stranger(_) => "name a p2pnode with --node-program".to_owned(),
        }
    }

    /// How its process ended, where that is known.
    pub fn exit(&self) -> Exit {
        match self {
            NotStarted::Refused { exit, .. } | NotStarted::Died { exit, .. } => *exit,
            _ => Exit::Unknown,
        }
    }
}

/// A node's process.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    exit: watch::Receiver<Option<Exit>>,
    /// Closed when we are gone, however we go: then it stops by itself.
    _lifeline: Option<ChildStdin>,
}

impl Child {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits for its end.
    pub fn ended(&self) -> impl Future<Output = Exit> + Send + 'static {
        let mut exit = self.exit.clone();
        async move {
            let ended = exit.wait_for(Option::is_some).await.map(|exit| *exit);
            ended.ok().flatten().unwrap_or(Exit::Unknown)
        }
    }

    /// Sends it a signal, unless it has ended: then the number may be another process's by now.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let (None, Some(pid)) = (self.exit(), pid) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Stops it by a signal, and waits until it is: only a process that is stopped is woken by the system if its
    /// manager is killed.
    pub async fn pause(&self) {
        self.signal(Signal::STOP);
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return };
        // Its end is left to whoever waits for that; one that has ended is no child any more, and not waited for.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        let stopped = tokio::task::spawn_blocking(move || waitid(WaitId::Pid(pid), options));
        if timeout(CONTROL_TIMEOUT, stopped).await.is_err() {
            tracing::warn!(pid = self.pid, "it was told to stop, and has not yet");
        }
    }
}

/// Every process that was started, ready or not, for whoever has to end them all.
#[derive(Debug, Clone, Default)]
pub struct Children(Arc<Mutex<Vec<Arc<Child>>>>);

impl Children {
    /// Enters a process; those that have ended are forgotten.
    fn add(&self, child: Arc<Child>) {
        let mut children = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|child| child.exit().is_none());
        children.push(child);
    }

    /// Enters those of `others` too.
    pub fn join(&self, others: &Children) {
        others.all().into_iter().for_each(|child| self.add(child));
    }

    /// Those that may still be there.
    pub fn all(&self) -> Vec<Arc<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A process that is not ready yet: whoever does not wait for that kills it.
struct Unready(Option<Arc<Child>>);

impl Drop for Unready {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            child.signal(Signal::KILL);
        }
    }
}

/// Starts a node, once what an earlier run left of it is gone, and waits for its ready line. Whoever drops
/// the future kills it, and can wait for its end in `children`: until then it may write to its folder.
pub async fn start(
    program: &Program,
    plan: &Plan,
    children: &Children,
) -> Result<(Arc<Child>, Ready), NotStarted> {
    let no_log = |error: io::Error| no_log(program, &plan.log, &error);
    let deadline = Instant::now() + PREDECESSOR_TIMEOUT;
    let mut waited = false;
    let log = loop {
        match tail::take(&plan.log).map_err(no_log)? {
            Some(log) => break log,
            None if Instant::now() > deadline => return Err(NotStarted::Occupied(plan.log.clone())),
            None => {
                if !waited {
                    tracing::info!(log = %plan.log.display(), "a process of an earlier run is still there");
                }
                waited = true;
                sleep(PREDECESSOR_POLL).await;
            }
        }
    };
    loop {
        match once(program, plan, log.try_clone().map_err(no_log)?, children).await {
            // What ends lets go of one thing after the other: its ports may outlive its log by a moment.
            Err(NotStarted::Refused { .. }) if waited && Instant::now() < deadline => {
                sleep(PREDECESSOR_POLL).await;
            }
            outcome => return outcome,
        }
    }
}

async fn once(
    program: &Program,
    plan: &Plan,
    log: File,
    children: &Children,
) -> Result<(Arc<Child>, Ready), NotStarted> {
    let not_run = |error: io::Error| not_run(program, &error);
    let mut process = Command::new(&program.path)
        .arg0("p2pnode")
        .args(&program.first)
        .args(["--lifeline", "--listen", &plan.listen.to_string(), "--http", &plan.http.to_string()])
        .arg("--log")
        .arg(&plan.log)
        .args(&plan.flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C on a terminal goes to a whole group: this one is asked to stop by us, in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(not_run)?;
    let (pid, lifeline, stdout) =
        (process.id().unwrap_or_default(), process.stdin.take(), process.stdout.take());
    let (ended, exit) = watch::channel(None);
    tokio::spawn(async move {
        let exit = process.wait().await.map_or(Exit::Unknown, Exit::from);
        ended.send_replace(Some(exit));
    });
    let child = Arc::new(Child { pid, exit, _lifeline: lifeline });
    children.add(child.clone());
    let mut unready = Unready(Some(child.clone()));
    let line = match stdout {
        Some(stdout) => timeout(CHILD_READY_TIMEOUT, first_line(stdout)).await,
        None => Ok(String::new()),
    };
    let Ok(line) = line else { return Err(NotStarted::Late) };
    if let Some(Ok(ready)) = ready::parse(&line) {
        unready.0 = None;
        return Ok((child, ready));
    }
    if let Some(Err(refused)) = ready::parse(&line) {
        let ended = timeout(CHILD_READY_TIMEOUT, child.ended()).await;
        return Err(NotStarted::Refused { why: refused, exit: ended.unwrap_or(Exit::Unknown) });
    }
    if !line.is_empty() {
        return Err(NotStarted::Stranger(line.trim_end().chars().take(80).collect()));
    }
    // Its stdout is closed and said nothing: it is about to end.
    match timeout(CHILD_READY_TIMEOUT, child.ended()).await {
        Ok(exit) => Err(NotStarted::Died { exit, log: plan.log.clone(), lines: last_lines(&plan.log) }),
        Err(_) => Err(NotStarted::Late),
    }
}

async fn first_line(stdout: ChildStdout) -> String {
    let mut bytes = Vec::new();
    let mut reader = BufReader::new(stdout.take(MAX_READY_LINE_BYTES as u64));
    // What cannot be read is no ready line, which is all that matters.
    let _ = reader.read_until(b'\n', &mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
