//! How blocks come to be without being asked for one by one: setting it, and the modes in which the manager
//! asks nodes in turn.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::limits::{AUTO_MINING_REST, CONTROL_TIMEOUT, DEFAULT_MINING_TIMEOUT};
use crate::manager::control::{ControlError, Deadline};
use crate::manager::happened::Kind;
use crate::manager::keeper::Keeper;
use crate::manager::modes::Modes;
use crate::manager::not_done::NotDone;
use crate::manager::state::{Standing, State};
use crate::manager::view::{MiningMode, SetMining};
use crate::net::Clock;
use crate::wire::manage::Command;

impl Keeper {
    /// How blocks are to come from now on. A mode leaves the others.
    pub async fn set_mining(&self, set: &SetMining) -> Result<(), NotDone> {
        for number in set.nodes.iter().flatten() {
            self.member(*number)?;
        }
        self.unless_stopping(async {
            let _turn = self.shares.lock().await;
            let mut modes = Ok(());
            self.cluster.state.send_modify(|state| {
                let set = state.modes.with(set).and_then(|set| set.fit(&state.numbers()));
                modes = set.map(|set| state.set_modes(set, Clock::wall().micros()));
            });
            modes.map_err(NotDone::Bad)?;
            let told = self.tell_shares().await;
            let mining = self.mining();
            tracing::info!(?mining, "mining was set");
            self.tell(Kind::MiningSet, serde_json::to_value(&mining).unwrap_or_default());
            told
        })
        .await
    }

    /// Tells every node its share of the background mining. Whoever does, has the turn for it, so that what a
    /// node is told last is what holds.
    pub(super) async fn tell_shares(&self) -> Result<(), NotDone> {
        let mut shares = Vec::new();
        self.cluster.state.send_modify(|state| {
            let rates = state.numbers().into_iter().map(|number| (number, state.tell_rate(number)));
            shares = rates.map(|(number, hashrate)| (number, Command::SetMining { hashrate })).collect();
        });
        self.tell_all(shares).await
    }

    /// Tells many nodes something at once, each its own; an error is the first one's that did not do it.
    pub(super) async fn tell_all(&self, commands: Vec<(usize, Command)>) -> Result<(), NotDone> {
        let mut telling = JoinSet::new();
        for (number, command) in commands {
            let keeper = self.this()?;
            telling.spawn(async move { keeper.tell_one(number, command).await });
        }
        let mut all = Ok(());
        while let Some(told) = telling.join_next().await {
            match told {
                Ok(Err(NotDone::Node { number, error: error @ ControlError::Timeout(_) })) => {
                    all = all.and(Err(NotDone::NotTold { number, error }));
                }
                Ok(told) => all = all.and(told),
                Err(error) => tracing::error!(%error, "a call failed inside: a defect of this program"),
            }
        }
        all
    }

    /// Tells node `number` something that it has to know, and is told anyway when it is back if it is away: by
    /// `join` once its process is connected, by `remind` when it goes on.
    async fn tell_one(&self, number: usize, command: Command) -> Result<(), NotDone> {
        let standing = || self.cluster.state.borrow().standing(number);
        match (standing(), self.cluster.member(number)) {
            (Standing::Running, _) => {
                match self.ask(number, command, Deadline::after(CONTROL_TIMEOUT)).await {
                    Err(_) if standing() != Standing::Running => Ok(()),
                    told => told.map(drop),
                }
            }
            (Standing::Returning, Some(member)) => match member.there().control.call(command).await {
                // That was its last process's.
                Err(error) if error.is_end() => Ok(()),
                told => told.map(drop).map_err(|error| NotDone::Node { number, error }),
            },
            _ => Ok(()),
        }
    }

    /// Asks nodes in turn for blocks, for as long as the network runs and whenever a mode is set that wants
    /// it.
    pub async fn take_turns(self: Arc<Self>) {
        tokio::select! {
            () = self.cluster.stopping() => {}
            () = self.turns() => {}
        }
    }

    async fn turns(&self) {
        let mut changes = self.cluster.state.subscribe();
        let mut before = None;
        let mut due = Instant::now();
        loop {
            let asks = |state: &State| matches!(state.modes.mode, MiningMode::Interval | MiningMode::Auto);
            let Ok(modes) = changes.wait_for(asks).await.map(|state| state.modes.clone()) else { return };
            if before.as_ref() != Some(&modes) {
                due = Instant::now() + modes.interval;
                before = Some(modes.clone());
            }
            let done = match modes.mode {
                MiningMode::Interval => self.after_interval(&modes, &mut due).await,
                _ => self.when_something_waits(&modes).await,
            };
            if let Err(why) = done {
                // Whoever is away may come back.
                tracing::debug!(%why, "no block in turn");
                sleep(AUTO_MINING_REST).await;
            }
        }
    }

    /// A block when the interval is over, unless another mode is set meanwhile.
    async fn after_interval(&self, modes: &Modes, due: &mut Instant) -> Result<(), NotDone> {
        let mut changes = self.cluster.state.subscribe();
        let changed = changes.wait_for(|state| state.modes != *modes);
        if timeout_at(*due, changed).await.is_ok() {
            return Ok(());
        }
        // From one block's due time to the next, however long each takes; those that are missed are not
        // made up for.
        *due = (*due + modes.interval).max(Instant::now());
        self.in_turn(modes, |_, _| true).await
    }

    /// A block by a node in whose pool something waits.
    async fn when_something_waits(&self, modes: &Modes) -> Result<(), NotDone> {
        let waits = |state: &State, number: usize| state.pools.get(&number).is_some_and(|count| *count > 0);
        let mut changes = self.cluster.state.subscribe();
        let news = changes.wait_for(|state| {
            let mut nodes = modes.nodes(&state.numbers()).into_iter();
            state.modes != *modes
                || nodes.any(|number| state.standing(number) == Standing::Running && waits(state, number))
        });
        if news.await.is_ok_and(|state| state.modes != *modes) {
            return Ok(());
        }
        self.in_turn(modes, waits).await?;
        // The others' pools are empty as soon as they have the block.
        let empty = changes.wait_for(|state| !state.running().any(|number| waits(state, number)));
        let _ = timeout(AUTO_MINING_REST, empty).await;
        Ok(())
    }

    /// A block by the node whose turn it is, of those that `modes` is about and that are fit for it; or none, if
    /// another mode is set before it is found.
    async fn in_turn(&self, modes: &Modes, is_fit: impl Fn(&State, usize) -> bool) -> Result<(), NotDone> {
        let number = self.next_miner(|state, number| {
            modes.nodes(&state.numbers()).contains(&number) && is_fit(state, number)
        })?;
        let mut changes = self.cluster.state.subscribe();
        tokio::select! {
            mined = self.mine(Some(number), None, Deadline::after(DEFAULT_MINING_TIMEOUT)) => mined.map(drop),
            _ = changes.wait_for(|state| state.modes != *modes) => Ok(()),
        }
    }
}
