//! What happened, numbered, for readers who come and go.
//!
//! Somebody publishes (for a node, its driver); the newest events are kept in a ring. A reader takes them at its own pace, and
//! nobody waits for it: what it has not taken when the ring goes on is lost to it, and it is told so. So a
//! reader can account for every number. With nobody reading, an event costs its place in the ring.
//!
//! What happens is a node's [`Event`] here, and something else where a manager keeps what all of its nodes tell.
//!
//! Not here: what an event looks like to somebody outside (`rest`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::limits::MAX_EVENT_READERS;
use crate::node::io::Event;
use crate::time::UnixTime;

/// What has a name for programs, one for each kind.
pub trait Named {
    /// Its name.
    fn name(&self) -> &'static str;
}

impl Named for Event {
    fn name(&self) -> &'static str {
        Event::name(self)
    }
}

/// An event, its number and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<E = Event> {
    /// Counts up by one from 1, anew with each start of the program.
    pub seq: u64,
    /// When it was told.
    pub at: UnixTime,
    /// What happened.
    pub event: E,
}

/// What comes to a reader next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard<E = Event> {
    /// The event of the next number.
    Event(Arc<Told<E>>),
    /// These numbers are no longer kept.
    Lost {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
}

/// From where somebody wants to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// From now on.
    Now,
    /// After the event `seq` of the run `run`.
    After {
        /// As [`Events::run`] gives it.
        run: u64,
        /// The last number that was read.
        seq: u64,
    },
}

/// Why somebody cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// Returned when all readers' places are taken.
    #[error("{MAX_EVENT_READERS} readers of events are connected already")]
    TooManyReaders,
    /// Returned for a number that was never given.
    #[error("there is no event {seq} yet; the last one was {last}")]
    NotYet {
        /// What was asked for.
        seq: u64,
        /// The last number given.
        last: u64,
    },
}

#[derive(Debug)]
struct Ring<E> {
    /// The newest events, oldest first.
    kept: VecDeque<Arc<Told<E>>>,
    /// The next number.
    next: u64,
    cap: usize,
    /// How many of each kind there were, by name.
    counts: BTreeMap<&'static str, u64>,
}

impl<E> Ring<E> {
    /// The number of the oldest event kept, or of the next one.
    fn first(&self) -> u64 {
        self.next - self.kept.len() as u64
    }
}

/// Where events are put; once it is gone, none comes.
pub struct Publisher<E = Event> {
    ring: Arc<Mutex<Ring<E>>>,
    news: watch::Sender<u64>,
}

/// Where readers find events. Cheap to clone.
pub struct Events<E = Event> {
    ring: Arc<Mutex<Ring<E>>>,
    news: watch::Receiver<u64>,
    places: Arc<Semaphore>,
    run: u64,
}

/// Somebody who reads events.
pub struct Reader<E = Event> {
    ring: Arc<Mutex<Ring<E>>>,
    news: watch::Receiver<u64>,
    /// The number to read next.
    next: u64,
    _place: OwnedSemaphorePermit,
}

/// Both ends, in a program that was started at `start`; `cap` events are kept.
pub fn channel<E>(start: UnixTime, cap: usize) -> (Publisher<E>, Events<E>) {
    let ring = Ring { kept: VecDeque::new(), next: 1, cap, counts: BTreeMap::new() };
    let ring = Arc::new(Mutex::new(ring));
    let (sender, receiver) = watch::channel(0);
    let places = Arc::new(Semaphore::new(MAX_EVENT_READERS));
    let events = Events { ring: ring.clone(), news: receiver, places, run: start.millis() };
    (Publisher { ring, news: sender }, events)
}

fn lock<E>(ring: &Mutex<Ring<E>>) -> MutexGuard<'_, Ring<E>> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<E> Clone for Events<E> {
    fn clone(&self) -> Events<E> {
        let (ring, news, places) = (self.ring.clone(), self.news.clone(), self.places.clone());
        Events { ring, news, places, run: self.run }
    }
}

impl<E: Named> Publisher<E> {
    /// Tells of what happened; nobody is waited for.
    pub fn publish(&self, at: UnixTime, event: E) {
        let mut ring = lock(&self.ring);
        let seq = ring.next;
        *ring.counts.entry(event.name()).or_default() += 1;
        if ring.kept.len() >= ring.cap {
            ring.kept.pop_front();
        }
        ring.kept.push_back(Arc::new(Told { seq, at, event }));
        ring.next += 1;
        drop(ring);
        self.news.send_replace(seq);
    }
}

impl<E> Events<E> {
    /// Names this run of the program, whose numbers start from 1: its start, in milliseconds since 1970.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// The last number that was given; 0: none.
    pub fn last(&self) -> u64 {
        lock(&self.ring).next - 1
    }

    /// How many events of each kind there were.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.ring).counts.clone()
    }

    /// Reads on `from` there. A number of another run is followed by this run's first.
    pub fn read(&self, from: From) -> Result<Reader<E>, NotRead> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| NotRead::TooManyReaders)?;
        let last = self.last();
        let next = match from {
            From::Now => last + 1,
            From::After { run, .. } if run != self.run => 1,
            From::After { seq, .. } if seq > last => return Err(NotRead::NotYet { seq, last }),
            From::After { seq, .. } => seq + 1,
        };
        Ok(Reader { ring: self.ring.clone(), news: self.news.clone(), next, _place: place })
    }
}

impl<E> Reader<E> {
    /// The number of what it reads next.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// What comes next, waited for; none once the publisher is gone and all was read. May be dropped while
    /// it waits.
    pub async fn next(&mut self) -> Option<Heard<E>> {
        loop {
            if let Some(heard) = self.try_next() {
                return Some(heard);
            }
            if self.news.changed().await.is_err() {
                return self.try_next();
            }
        }
    }

    /// What comes next, if it is there.
    pub fn try_next(&mut self) -> Option<Heard<E>> {
        let ring = lock(&self.ring);
        let first = ring.first();
        if self.next < first {
            let lost = Heard::Lost { first: self.next, last: first - 1 };
            self.next = first;
            return Some(lost);
        }
        let place = usize::try_from(self.next - first).ok()?;
        let told = ring.kept.get(place)?.clone();
        self.next += 1;
        Some(Heard::Event(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(hashrate: u64) -> Event {
        Event::MiningSet { hashrate }
    }

    fn seqs(reader: &mut Reader) -> Vec<(u64, u64)> {
        core::iter::from_fn(|| reader.try_next())
            .map(|heard| match heard {
                Heard::Event(told) => (told.seq, told.seq),
                Heard::Lost { first, last } => (first, last),
            })
            .collect()
    }

    #[tokio::test]
    async fn every_number_is_read_or_told_to_be_lost() {
        let (publisher, events) = channel(UnixTime::from_millis(7), 4);
        let mut reader = events.read(From::Now).expect("a place");
        assert_eq!(reader.try_next(), None);
        for n in 1..=3 {
            publisher.publish(UnixTime::default(), event(n));
        }
        assert_eq!(seqs(&mut reader), [(1, 1), (2, 2), (3, 3)]);
        for n in 4..=10 {
            publisher.publish(UnixTime::default(), event(n));
        }
        assert_eq!(seqs(&mut reader), [(4, 6), (7, 7), (8, 8), (9, 9), (10, 10)]);
        let mut again = events.read(From::After { run: 7, seq: 8 }).expect("a place");
        assert_eq!(seqs(&mut again), [(9, 9), (10, 10)]);
        let mut restarted = events.read(From::After { run: 6, seq: 8 }).expect("a place");
        assert_eq!(seqs(&mut restarted)[0], (1, 6));
        let early = events.read(From::After { run: 7, seq: 11 }).err();
        assert_eq!(early, Some(NotRead::NotYet { seq: 11, last: 10 }));
        assert_eq!(events.counts(), BTreeMap::from([("mining", 10)]));
        publisher.publish(UnixTime::default(), event(11));
        drop(publisher);
        assert!(matches!(reader.next().await, Some(Heard::Event(told)) if told.seq == 11));
        assert_eq!(reader.next().await, None, "the end, once all was read");
    }

    #[test]
    fn readers_have_a_number_of_places() {
        let (_publisher, events) = channel(UnixTime::default(), 4);
        let mut readers: Vec<Reader> = core::iter::from_fn(|| events.read(From::Now).ok()).collect();
        assert_eq!(readers.len(), MAX_EVENT_READERS);
        assert_eq!(events.read(From::Now).err(), Some(NotRead::TooManyReaders));
        readers.pop();
        assert!(events.read(From::Now).is_ok());
    }
}
