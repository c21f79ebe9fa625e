//! Who holds a place among the connections, and who is idle the longest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

/// The connections of one server.
#[derive(Default)]
pub(super) struct Places(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    seats: BTreeMap<u64, Seat>,
    /// Connections without a request in hand, the longest idle first: turn, connection.
    idle: BTreeMap<u64, u64>,
}

#[derive(Default)]
struct Seat {
    /// What ends the connection.
    task: Option<AbortHandle>,
    /// Its turn among the idle ones; none while a request is in hand.
    turn: Option<u64>,
}

/// One connection's place; given back with the last clone.
#[derive(Clone)]
pub(super) struct Place(Arc<Held>);

struct Held {
    places: Arc<Places>,
    conn: u64,
}

/// A request is in hand for as long as this lives.
pub(super) struct Busy(Place);

impl Places {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection, idle at first. If all `max` are taken, the connection idle longest
    /// goes for it; none if every one has a request in hand.
    pub(super) fn take(self: &Arc<Self>, max: usize) -> Option<Place> {
        let mut open = self.lock();
        while open.seats.len() >= max {
            let (_, conn) = open.idle.pop_first()?;
            if let Some(task) = open.seats.remove(&conn).and_then(|seat| seat.task) {
                task.abort();
            }
        }
        let conn = open.number();
        open.seats.insert(conn, Seat::default());
        open.wait(conn);
        Some(Place(Arc::new(Held { places: self.clone(), conn })))
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        let open = self.lock();
        (open.seats.len(), open.idle.len())
    }
}

impl Open {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Takes the last turn among the idle ones.
    fn wait(&mut self, conn: u64) {
        let turn = self.number();
        if let Some(seat) = self.seats.get_mut(&conn) {
            seat.turn = Some(turn);
            self.idle.insert(turn, conn);
        }
    }

    fn stop_waiting(&mut self, conn: u64) {
        if let Some(turn) = self.seats.get_mut(&conn).and_then(|seat| seat.turn.take()) {
            self.idle.remove(&turn);
        }
    }
}

impl Place {
    /// Names the task that serves the connection.
    pub(super) fn serve(&self, task: AbortHandle) {
        if let Some(seat) = self.0.places.lock().seats.get_mut(&self.0.conn) {
            seat.task = Some(task);
        }
    }

    /// A request begins.
    pub(super) fn busy(&self) -> Busy {
        self.0.places.lock().stop_waiting(self.0.conn);
        Busy(self.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let held = &self.0.0;
        held.places.lock().wait(held.conn);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.places.lock();
        open.stop_waiting(self.conn);
        open.seats.remove(&self.conn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_goes_and_the_busy_stay() {
        let places = Arc::new(Places::default());
        let take = || places.take(2);
        let (a, b) = (take().expect("a place"), take().expect("a place"));
        let task = tokio::spawn(core::future::pending::<()>());
        b.serve(task.abort_handle());
        // A has its turn again after B: B is the longest idle now.
        drop(a.busy());
        let c = take().expect("a place for C");
        assert!(task.await.expect_err("ended").is_cancelled(), "B went");
        assert_eq!(places.count(), (2, 2));
        let (_busy_a, busy_c) = (a.busy(), c.busy());
        assert!(take().is_none(), "both have a request in hand");
        drop((b, busy_c));
        assert_eq!(places.count(), (2, 1), "what B gives back it no longer held");
        drop((c, take()));
        assert_eq!(places.count(), (1, 0), "A is left");
    }
}
