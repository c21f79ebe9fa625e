//! One network after the other, each from its first process to its last, at one address.

use core::pin::pin;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::limits::STOP_TIMEOUT;
use crate::manager::api::{self, Api, Stage};
use crate::manager::child::Children;
use crate::manager::cluster::Cluster;
use crate::manager::console::Console;
use crate::manager::keeper::Keeper;
use crate::manager::record::Folder;
use crate::manager::renew::Next;
use crate::manager::signals::Signals;
use crate::manager::{Error, Settings, bootstrap, local, stop};
use crate::net::Clock;

/// How a network ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every process ended by itself, and well.
    Well,
    /// Some did not.
    Badly,
    /// Somebody did not want to wait.
    Interrupted,
}

/// What follows a network.
enum After {
    /// Nothing.
    Ended(Ending),
    /// Another one, which somebody wants in its place.
    Next(Box<Next>),
}

/// What a network leaves to the next one.
struct Place {
    console: Console,
    folder: Arc<Folder>,
    http: SocketAddr,
    stage: Arc<Stage>,
    signals: Signals,
}

/// Runs a network until it is told to stop, by a signal or over HTTP, or until no node is left; and then
/// another one, if that is wanted in its place.
pub async fn run(settings: Settings, console: Console) -> Result<Ending, Error> {
    let signals = Signals::new().map_err(Error::Signals)?;
    let folder = Arc::new(Folder::take(&settings.data_dir, &settings.logs())?);
    // Before anything is started: a port that is taken should cost nobody anything.
    let port = |error| Error::Port { port: settings.port, error };
    let listener = TcpListener::bind(local(settings.port)).await.map_err(port)?;
    let http = listener.local_addr().map_err(port)?;
    let stage = Arc::new(Stage::default());
    let (close, mut closing) = oneshot::channel::<()>();
    let serving = tokio::spawn({
        let stage = stage.clone();
        async move {
            // Whoever calls early waits for the first network, which may not come.
            tokio::select! {
                () = stage.up() => {}
                _ = &mut closing => return,
            }
            api::serve(listener, http, stage, async move { drop(closing.await) }).await;
        }
    });
    let mut place = Place { console, folder, http, stage, signals };
    let ended = place.networks(settings).await;
    place.stage.close();
    // Answers that are on their way are finished; nobody is waited for long.
    drop(close);
    let _ = timeout(STOP_TIMEOUT, serving).await;
    ended
}

impl Place {
    async fn networks(&mut self, settings: Settings) -> Result<Ending, Error> {
        let mut after = self.network(settings).await?;
        loop {
            after = match after {
                After::Ended(ending) => return Ok(ending),
                // There was a network: whoever hears of the error must not take its folder for a failed start's.
                After::Next(next) => {
                    self.next(*next).await.map_err(|error| Error::Renewed(Box::new(error)))?
                }
            }
        }
    }

    /// The next one, in the place of one that has ended.
    async fn next(&mut self, next: Next) -> Result<After, Error> {
        if let Some(before) = &next.before {
            self.folder.set_aside(before)?;
            let before = before.display();
            tracing::info!(%before, "what the nodes kept was moved");
            self.console.say(&format!("what the nodes kept is in {before}"));
        }
        let started = self.network(next.settings).await;
        if started.is_err() && next.before.is_some() {
            // Nothing but what its start made is there: what was there before was moved.
            self.folder.remove_network();
        }
        started
    }

    /// One network.
    async fn network(&mut self, settings: Settings) -> Result<After, Error> {
        let clock = Clock::start();
        let children = Children::default();
        let started = tokio::select! {
            started = bootstrap::start(&settings, &self.console, &children) => started.map(Some),
            () = self.signals.next() => Ok(None),
            () = self.stage.told_to_stop() => Ok(None),
        };
        let cluster = match started {
            Ok(Some(cluster)) => Arc::new(cluster),
            Ok(None) => return Err(self.never_mind(&children).await),
            Err(error) => {
                stop::kill(&children).await;
                return Err(error);
            }
        };
        if let Err(error) = self.folder.write(&cluster, &settings, self.http) {
            stop::kill(&children).await;
            return Err(error);
        }
        let (http, rules) = (self.http, settings.params.rules().to_string());
        self.console.network(&cluster, &rules, http, &settings.logs(), clock.now().elapsed);
        tracing::info!(nodes = cluster.members().len(), %http, rules, "the network is up");

        let settings = Arc::new(settings);
        let keeper = self.keeper(&cluster, &settings, &children);
        self.stage.show(Api::new(keeper.clone(), http, Clock::wall()));
        let turns = tokio::spawn(keeper.clone().take_turns());
        let observing = tokio::spawn({
            let keeper = keeper.clone();
            async move { tokio::join!(keeper.observe(), keeper.keep_hearing()) }
        });
        let keeping = tokio::spawn(keeper.clone().run());
        tokio::select! {
            () = self.signals.next() => {
                self.console.say("stopping");
                cluster.stop();
            }
            () = cluster.stopping() => cluster.state.send_modify(|state| state.stopping = true),
        }
        if cluster.is_renewed() {
            self.stage.hide();
        }
        // Whoever is just being started again would be left out, and whoever is just being added is not to be.
        let _ = (keeping.await, turns.await, keeper.adding.lock().await);
        let ending = self.end(&cluster, &settings, &children).await;
        observing.abort();
        Ok(match cluster.next() {
            Some(next) if ending != Ending::Interrupted => After::Next(Box::new(next)),
            _ => After::Ended(ending),
        })
    }

    /// Somebody wants no network, before there was one: what was started ends.
    async fn never_mind(&mut self, children: &Children) -> Error {
        self.console.say("stopping");
        tokio::select! {
            () = stop::begun(children) => Error::Stopped { at_once: false },
            () = self.signals.next() => {
                self.console.say("stopping at once");
                stop::kill(children).await;
                Error::Stopped { at_once: true }
            }
        }
    }

    fn keeper(&self, cluster: &Arc<Cluster>, settings: &Arc<Settings>, children: &Children) -> Arc<Keeper> {
        let changed = {
            let (folder, http) = (self.folder.clone(), self.http);
            let (cluster, settings) = (cluster.clone(), settings.clone());
            move || {
                if let Err(error) = folder.write(&cluster, &settings, http) {
                    tracing::warn!(%error, "the record of the network is not up to date");
                }
            }
        };
        Arc::new_cyclic(|this| Keeper {
            cluster: cluster.clone(),
            settings: settings.clone(),
            children: children.clone(),
            changed: Box::new(changed),
            adding: tokio::sync::Mutex::default(),
            faults: tokio::sync::Mutex::default(),
            shares: tokio::sync::Mutex::default(),
            this: this.clone(),
        })
    }

    async fn end(&mut self, cluster: &Cluster, settings: &Settings, children: &Children) -> Ending {
        let height = cluster.state.borrow().tips.last_height();
        let mut stopping = pin!(stop::all(cluster));
        let ended = loop {
            tokio::select! {
                ended = &mut stopping => break ended,
                // The first one is about the network that was to come, if there was to be one.
                () = self.signals.next() => match cluster.stop() {
                    true => self.console.say("stopping"),
                    false => {
                        self.console.say("stopping at once");
                        stop::kill(children).await;
                        return Ending::Interrupted;
                    }
                },
                () = self.stage.told_to_stop() => drop(cluster.stop()),
            }
        };
        // A process that never became a member of the network is none's to ask.
        stop::kill(children).await;
        self.console.summary(&ended, cluster, height, &settings.logs());
        tracing::info!(?ended, "the network has ended");
        let added = ended.iter().filter(|one| one.number >= settings.amount).count();
        let all_well = ended.len() == settings.amount + added && ended.iter().all(stop::Ended::is_well);
        if all_well { Ending::Well } else { Ending::Badly }
    }
}
