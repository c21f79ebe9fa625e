//! Who holds a place among the connections, and who is idle the longest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

/// The turn of a connection that has a request in hand.
const BUSY: u64 = u64::MAX;

/// The connections of one server.
#[derive(Default)]
pub(super) struct Places {
    seats: Mutex<BTreeMap<u64, Seat>>,
    /// Counts connections, and the moments at which they became idle.
    next: AtomicU64,
}

struct Seat {
    /// What ends the connection.
    task: Option<AbortHandle>,
    /// Its turn among the idle ones, the longest idle first, or [`BUSY`].
    turn: Arc<AtomicU64>,
}

/// One connection's place; given back with the last clone.
#[derive(Clone)]
pub(super) struct Place(Arc<Held>);

struct Held {
    places: Arc<Places>,
    conn: u64,
    turn: Arc<AtomicU64>,
}

/// A request is in hand for as long as this lives.
pub(super) struct Busy(Place);

impl Places {
    fn seats(&self) -> MutexGuard<'_, BTreeMap<u64, Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A place for a new connection, idle at first. If all `max` are taken, the connection idle longest
    /// goes for it; none if every one has a request in hand.
    pub(super) fn take(self: &Arc<Self>, max: usize) -> Option<Place> {
        let mut seats = self.seats();
        while seats.len() >= max {
            let idle = seats.iter().map(|(conn, seat)| (seat.turn.load(Ordering::Relaxed), *conn));
            let (_, conn) = idle.filter(|(turn, _)| *turn != BUSY).min()?;
            if let Some(task) = seats.remove(&conn).and_then(|seat| seat.task) {
                task.abort();
            }
        }
        let (conn, turn) = (self.number(), Arc::new(AtomicU64::new(self.number())));
        seats.insert(conn, Seat { task: None, turn: turn.clone() });
        Some(Place(Arc::new(Held { places: self.clone(), conn, turn })))
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        let seats = self.seats();
        let idle = seats.values().filter(|seat| seat.turn.load(Ordering::Relaxed) != BUSY);
        (seats.len(), idle.count())
    }
}

impl Place {
    /// Names the task that serves the connection.
    pub(super) fn serve(&self, task: AbortHandle) {
        if let Some(seat) = self.0.places.seats().get_mut(&self.0.conn) {
            seat.task = Some(task);
        }
    }

    /// A request begins.
    pub(super) fn busy(&self) -> Busy {
        self.0.turn.store(BUSY, Ordering::Relaxed);
        Busy(self.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let held = &self.0.0;
        held.turn.store(held.places.number(), Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.places.seats().remove(&self.conn);
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
