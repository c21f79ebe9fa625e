//! The index as a sync writes it: sorted runs, some hundreds of places in a row.
//!
//! Ids are random, so that a row for each costs a walk through the whole tree, and a megabyte of small contents
//! has two thousand. A run is what many blocks bring, sorted, cut into chunks, and written one after another at
//! the end of the table: a hundredth of the rows. Whoever looks for an id reads one chunk of each run, two where
//! places that begin alike lie on both sides of a cut. Runs are merged, eight into one of the next level, so that
//! they stay few; runs of the last level are not, so that no merge takes long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use redb::{Range, ReadableTable, Table, TableDefinition};

use crate::limits::{CHUNK_PLACES, MAX_RUN_LEVEL, RUNS_MERGED};
use crate::store::disk::tables::Trouble;

/// The beginning of an id, and the number of a block that has such a one.
pub(super) type Place = (u64, u64);

/// A run's number and the first place that its chunk may hold.
type Key = (u64, u64, u64);

/// The chunks of all runs: places in their order, each as two little-endian numbers. A place is in the last
/// chunk of its run whose key is not above it.
pub(super) const RUNS: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("runs");

/// Bytes of a place in a chunk.
const PLACE_BYTES: usize = 16;

/// A run's number is its level, in the highest byte, and a number that no other of the level has.
const LEVEL: u32 = 56;

/// The numbers of all runs.
pub(super) fn all(table: &impl ReadableTable<Key, &'static [u8]>) -> Result<Vec<u64>, Trouble> {
    let (mut runs, mut from) = (Vec::new(), Some(0));
    while let Some(run) = from
        && let Some(row) = table.range((run, 0, 0)..)?.next()
    {
        let run = row?.0.value().0;
        runs.push(run);
        from = run.checked_add(1);
    }
    Ok(runs)
}

/// The blocks that have an id which begins so, by the run `run`.
pub(super) fn find(
    table: &impl ReadableTable<Key, &'static [u8]>,
    run: u64,
    begins: u64,
) -> Result<Vec<u64>, Trouble> {
    let mut found = Vec::new();
    for row in table.range((run, 0, 0)..=(run, begins, u64::MAX))?.rev() {
        let (key, chunk) = row?;
        found.extend(places(chunk.value()).filter(|place| place.0 == begins).map(|place| place.1));
        if key.value().1 < begins {
            break;
        }
    }
    Ok(found)
}

/// Whether the run `run` has `place`.
pub(super) fn has(
    table: &impl ReadableTable<Key, &'static [u8]>,
    run: u64,
    place: Place,
) -> Result<bool, Trouble> {
    let chunk = table.range((run, 0, 0)..=(run, place.0, place.1))?.next_back().transpose()?;
    Ok(chunk.is_some_and(|(_, chunk)| places(chunk.value()).any(|found| found == place)))
}

/// Takes `place` out of whichever run has it.
pub(super) fn remove(
    table: &mut Table<'_, Key, &'static [u8]>,
    runs: &[u64],
    place: Place,
) -> Result<(), Trouble> {
    for run in runs {
        let row = table.range((*run, 0, 0)..=(*run, place.0, place.1))?.next_back().transpose()?;
        let Some((key, chunk)) = row.map(|(key, chunk)| (key.value(), chunk.value().to_vec())) else {
            continue;
        };
        let left: Vec<u8> = places(&chunk).filter(|found| *found != place).flat_map(bytes).collect();
        if left.len() == chunk.len() {
            continue;
        }
        if left.is_empty() {
            table.remove(key)?;
        } else {
            table.insert(key, &left[..])?;
        }
        return Ok(());
    }
    Ok(())
}

/// Adds a run of `places`, which are in order and each there once; where there are enough others of a level,
/// they become one: if there is `before`, which has what is committed of them.
pub(super) fn add(
    table: &mut Table<'_, Key, &'static [u8]>,
    before: Option<&impl ReadableTable<Key, &'static [u8]>>,
    places: Vec<Place>,
) -> Result<(), Trouble> {
    let runs = all(table)?;
    write(table, next(&runs, 0), places.into_iter().map(Ok))?;
    let Some(before) = before else { return Ok(()) };
    for level in 0..MAX_RUN_LEVEL {
        let of: Vec<u64> = runs.iter().copied().filter(|run| run >> LEVEL == level).collect();
        if of.len() >= RUNS_MERGED {
            write(table, next(&runs, level + 1), Merged::new(before, &of)?)?;
            for run in of {
                table.retain_in((run, 0, 0)..=(run, u64::MAX, u64::MAX), |_, _| false)?;
            }
            // What one more makes too many waits for the next time.
            break;
        }
    }
    Ok(())
}

/// How many places there are, if all are where they would be found.
pub(super) fn count(table: &impl ReadableTable<Key, &'static [u8]>) -> Result<u64, Trouble> {
    let (mut count, mut last) = (0, None);
    for row in table.iter()? {
        let (key, chunk) = row?;
        let (run, first) = (key.value().0, (key.value().1, key.value().2));
        let chunk = chunk.value();
        let is_whole = !chunk.is_empty() && chunk.len().is_multiple_of(PLACE_BYTES);
        let mut in_order = is_whole && places(chunk).next().is_some_and(|place| place >= first);
        for place in places(chunk) {
            in_order &= last.is_none_or(|last| last < (run, place));
            last = Some((run, place));
            count += 1;
        }
        if !in_order {
            return Err(Trouble::Damaged(format!("a chunk of its run {run:#x} is not in order")));
        }
    }
    Ok(count)
}

/// The number of another run of `level` beside `runs`.
fn next(runs: &[u64], level: u64) -> u64 {
    let last = runs.iter().copied().rfind(|run| run >> LEVEL == level);
    last.map_or(level << LEVEL, |last| last + 1)
}

fn write(
    table: &mut Table<'_, Key, &'static [u8]>,
    run: u64,
    places: impl Iterator<Item = Result<Place, Trouble>>,
) -> Result<(), Trouble> {
    let mut chunk = Vec::with_capacity(CHUNK_PLACES * PLACE_BYTES);
    let mut first = (0, 0);
    for place in places {
        let place = place?;
        if chunk.is_empty() {
            first = place;
        }
        chunk.extend(bytes(place));
        if chunk.len() == CHUNK_PLACES * PLACE_BYTES {
            table.insert((run, first.0, first.1), &chunk[..])?;
            chunk.clear();
        }
    }
    if !chunk.is_empty() {
        table.insert((run, first.0, first.1), &chunk[..])?;
    }
    Ok(())
}

fn bytes((begins, number): Place) -> impl Iterator<Item = u8> {
    begins.to_le_bytes().into_iter().chain(number.to_le_bytes())
}

fn places(chunk: &[u8]) -> impl Iterator<Item = Place> {
    let (pairs, _) = chunk.as_chunks::<PLACE_BYTES>();
    pairs.iter().map(|pair| {
        let pair = u128::from_le_bytes(*pair);
        (pair as u64, (pair >> 64) as u64)
    })
}

/// The places of several runs, in order.
struct Merged<'a> {
    runs: Vec<Run<'a>>,
    /// The next place of each run that has one.
    heads: BinaryHeap<Reverse<(Place, usize)>>,
}

/// The places of one run.
struct Run<'a> {
    rows: Range<'a, Key, &'static [u8]>,
    chunk: std::vec::IntoIter<Place>,
}

impl<'a> Merged<'a> {
    fn new(table: &'a impl ReadableTable<Key, &'static [u8]>, of: &[u64]) -> Result<Merged<'a>, Trouble> {
        let mut merged = Merged { runs: Vec::new(), heads: BinaryHeap::new() };
        for (at, run) in of.iter().enumerate() {
            let rows = table.range((*run, 0, 0)..=(*run, u64::MAX, u64::MAX))?;
            merged.runs.push(Run { rows, chunk: Vec::new().into_iter() });
            merged.draw(at)?;
        }
        Ok(merged)
    }

    /// Has the next place of the run at `at` take part.
    fn draw(&mut self, at: usize) -> Result<(), Trouble> {
        let run = &mut self.runs[at];
        loop {
            if let Some(place) = run.chunk.next() {
                self.heads.push(Reverse((place, at)));
                return Ok(());
            }
            let Some(row) = run.rows.next() else { return Ok(()) };
            run.chunk = places(row?.1.value()).collect::<Vec<_>>().into_iter();
        }
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<Place, Trouble>;

    fn next(&mut self) -> Option<Result<Place, Trouble>> {
        let Reverse((place, at)) = self.heads.pop()?;
        Some(self.draw(at).map(|()| place))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha12Rng;
    use redb::{Database, ReadableDatabase, ReadableTableMetadata, backends::InMemoryBackend};

    use super::*;

    /// Few beginnings for many blocks, so that places which begin alike fill whole chunks.
    const BEGINNINGS: u64 = 300;

    fn database() -> Database {
        Database::builder().create_with_backend(InMemoryBackend::new()).expect("memory")
    }

    fn change(database: &Database, work: impl FnOnce(&mut Table<'_, Key, &'static [u8]>)) {
        let transaction = database.begin_write().expect("memory");
        work(&mut transaction.open_table(RUNS).expect("a table"));
        transaction.commit().expect("memory");
    }

    /// Adds `places` as a commit does.
    fn add_to(database: &Database, places: impl IntoIterator<Item = Place>) {
        let read = database.begin_read().expect("memory");
        let before = read.open_table(RUNS).ok();
        let places = places.into_iter().collect();
        change(database, |table| assert!(add(table, before.as_ref(), places).is_ok()));
    }

    fn good<T>(result: Result<T, Trouble>) -> T {
        result.unwrap_or_else(|trouble| panic!("{trouble}"))
    }

    #[test]
    fn what_was_added_is_found_whatever_was_merged_and_removed() {
        let mut dice = ChaCha12Rng::seed_from_u64(3);
        let (database, mut model) = (database(), BTreeSet::new());
        for round in 0..150u64 {
            let numbers = 100 * round..100 * (round + 1);
            // One beginning is in every block.
            let mut places: BTreeSet<Place> = numbers.clone().map(|number| (77, number)).collect();
            places.extend(
                (0..400).map(|_| (dice.random_range(0..BEGINNINGS), dice.random_range(numbers.clone()))),
            );
            model.extend(places.iter().copied());
            add_to(&database, places);
            let gone: Vec<Place> = model.iter().copied().filter(|_| dice.random_ratio(1, 500)).collect();
            change(&database, |table| {
                let runs = good(all(table));
                gone.iter().for_each(|place| good(remove(table, &runs, *place)));
                good(remove(table, &runs, (BEGINNINGS, 1)));
            });
            gone.iter().for_each(|place| assert!(model.remove(place)));
        }
        let table = database.begin_read().expect("memory").open_table(RUNS).expect("a table");
        let runs = good(all(&table));
        assert!(runs.len() < 3 * RUNS_MERGED, "{runs:x?}");
        assert!(runs.iter().any(|run| run >> LEVEL == MAX_RUN_LEVEL), "{runs:x?}");
        assert_eq!(good(count(&table)), model.len() as u64);
        for begins in 0..=BEGINNINGS {
            let mut found: Vec<u64> = runs.iter().flat_map(|run| good(find(&table, *run, begins))).collect();
            found.sort_unstable();
            let there = model.range((begins, 0)..=(begins, u64::MAX));
            assert_eq!(found, there.map(|place| place.1).collect::<Vec<_>>(), "{begins}");
        }
        let has_any = |place| runs.iter().any(|run| good(has(&table, *run, place)));
        assert!(model.iter().step_by(97).all(|place| has_any(*place)));
        assert!(!has_any((77, 15_000)) && !has_any((BEGINNINGS, 0)));
    }

    #[test]
    fn a_run_of_which_all_is_removed_leaves_no_row() {
        let database = database();
        let places: Vec<Place> = (0..1000).map(|at| (at, 7)).collect();
        add_to(&database, places.clone());
        change(&database, |table| {
            let runs = good(all(table));
            places.iter().for_each(|place| good(remove(table, &runs, *place)));
            assert_eq!((good(all(table)), table.len().expect("memory")), (vec![], 0));
        });
    }

    #[test]
    fn a_chunk_out_of_order_is_told() {
        let rows: [(&str, u64, &[Place]); 3] = [
            ("nothing in it", 1, &[]),
            ("not in order", 1, &[(2, 2), (1, 1)]),
            ("before its key", 5, &[(4, 1)]),
        ];
        for (what, first, chunk) in rows {
            let database = database();
            let chunk: Vec<u8> = chunk.iter().copied().flat_map(bytes).collect();
            change(&database, |table| {
                table.insert((0, first, 0), &chunk[..]).expect("memory");
                assert!(count(table).is_err(), "{what}");
            });
        }
    }
}
