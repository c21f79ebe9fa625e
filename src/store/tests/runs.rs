//! What a sync of full blocks leaves in the file: an index in runs, and checksums.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use super::medium::Disk;
use super::*;
use crate::limits::VERIFIED_AT_START;
use crate::store::disk::load::{open_backend, over_backend};

/// What is done to a file.
type Harm = fn(&redb::WriteTransaction);

/// Contents of a block: enough that it gets a checksum.
const CONTENTS: u64 = 700;

/// Blocks that have enough of them for a run.
const MANY: usize = 6;

const _: () = assert!(MANY * CONTENTS as usize >= crate::limits::MIN_RUN);

/// A chain of `count` blocks, each with many contents.
fn chain(count: usize) -> Vec<Block> {
    let mut parent = genesis();
    let next = |height| {
        let next = full(parent, height, 1, height * CONTENTS);
        parent = next.hash();
        next
    };
    (1..=count as u64).map(next).collect()
}

/// A block with contents that have numbers from `first` on.
fn full(parent: BlockHash, height: u64, miner: u8, first: u64) -> Block {
    block(parent, height, miner, &(first..first + CONTENTS).collect::<Vec<_>>())
}

fn opened(folder: &TempDir) -> Opened {
    open(folder.path(), &Params::regtest(), NodeId([9; 16])).expect("a good folder")
}

/// A folder with `blocks`, closed in order.
fn filled(blocks: &[Block]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = opened(&folder);
    opened.store.submit(batch(1, &blocks.iter().collect::<Vec<_>>(), &[]));
    opened.store.close().expect("closed");
    folder
}

fn database(folder: &TempDir) -> redb::Database {
    redb::Database::open(folder.path().join(CHAIN_FILE)).expect("a file")
}

fn findings(folder: &TempDir) -> Vec<String> {
    let report = verify(folder.path(), &Arc::new(Params::regtest()), &mut |_, _| {}).expect("a folder");
    report.findings.into_iter().map(|damage| damage.what).collect()
}

/// Each block is read, and found by some of its ids.
#[track_caller]
fn assert_found(store: &Store, blocks: &[Block]) {
    for block in blocks {
        assert_eq!(read(store, &block.hash()), Some(encoding::encode(block).into()));
        assert_eq!(find(store, &block.ids()[(CONTENTS / 2) as usize]), [block.hash()]);
    }
}

const RUNS: TableDefinition<'_, (u64, u64, u64), &[u8]> = TableDefinition::new("runs");
const INDEX: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("index");
const CHECKSUMS: TableDefinition<'_, u64, u64> = TableDefinition::new("checksums");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

#[test]
fn many_ids_become_runs_few_become_rows_and_all_are_found() {
    let blocks = chain(MANY + 2);
    let sides = [7, 8].map(|miner| full(genesis(), 1, miner, 1_000_000 * u64::from(miner)));
    let folder = filled(&[&sides[..1], &blocks[..MANY]].concat());
    let lengths = || {
        let file = database(&folder);
        let read = file.begin_read().expect("a file");
        let rows = read.open_table(INDEX).expect("a table").len().expect("rows");
        (read.open_table(RUNS).expect("a table").len().expect("chunks"), rows)
    };
    let chunks = (MANY as u64 + 1) * (CONTENTS + 1);
    assert_eq!(lengths(), (chunks.div_ceil(crate::limits::CHUNK_PLACES as u64), 1), "genesis has a row");
    let again = opened(&folder);
    assert_found(&again.store, &blocks[..MANY]);
    assert_found(&again.store, &sides[..1]);
    again.store.submit(batch(1, &[&sides[1], &blocks[MANY], &blocks[MANY + 1]], &[]));
    again
        .store
        .submit(Batch { tip: blocks[MANY + 1].hash(), ..batch(2, &[], &sides.each_ref().map(Block::hash)) });
    again.store.close().expect("closed");
    drop(again);
    assert_eq!(findings(&folder), [""; 0]);
    assert_eq!(lengths().1, 1 + 2 * (CONTENTS + 1), "so few are worth no run");
    let again = opened(&folder);
    assert_found(&again.store, &blocks);
    for gone in &sides {
        assert_eq!((find(&again.store, &gone.ids()[7]), read(&again.store, &gone.hash())), (vec![], None));
    }
}

#[test]
fn a_place_less_or_more_in_a_run_and_another_checksum_are_named() {
    let blocks = chain(MANY);
    let harms: [(&str, Harm); 3] = [
        ("is not in the index", |t| {
            t.open_table(RUNS).expect("a table").pop_first().expect("written");
        }),
        ("belong there", |t| {
            let place = [7u64.to_le_bytes(), 7u64.to_le_bytes()].concat();
            t.open_table(RUNS).expect("a table").insert((9, 7, 7), &place[..]).expect("written");
        }),
        ("the checksum of block number 5", |t| {
            t.open_table(CHECKSUMS).expect("a table").insert(5, 7).expect("written");
        }),
    ];
    for (says, harm) in harms {
        let folder = filled(&blocks);
        let file = database(&folder);
        let transaction = file.begin_write().expect("a transaction");
        harm(&transaction);
        transaction.commit().expect("committed");
        drop(file);
        let found = findings(&folder);
        assert!(found.iter().any(|what| what.contains(says)), "{says}: {found:?}");
    }
}

/// Row 62 of docs/hostile.md.
#[test]
fn a_large_block_that_changed_is_not_handed_out_and_a_checksum_that_did_hides_none() {
    let blocks = chain(10 + VERIFIED_AT_START);
    let folder = filled(&blocks);
    let file = database(&folder);
    let transaction = file.begin_write().expect("a transaction");
    {
        const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
        let mut table = transaction.open_table(BLOCKS).expect("a table");
        let row = |number: u64| table.get(number).expect("read").expect("a row").value().to_vec();
        let (mut changed, other) = (row(5), row(7));
        let last = changed.len() - 1;
        changed[last] ^= 1;
        table.insert(5, &changed[..]).expect("written");
        // A whole block and its own checksum, in the place of another.
        table.insert(6, &other[..]).expect("written");
        let mut checksums = transaction.open_table(CHECKSUMS).expect("a table");
        let checksum = checksums.get(7).expect("read").expect("a row").value();
        checksums.insert(6, checksum).expect("written");
        checksums.insert(8, 8).expect("written");
        checksums.remove(9).expect("written");
    }
    transaction.commit().expect("committed");
    drop(file);
    let again = opened(&folder);
    for (nth, block) in (1..).zip(&blocks) {
        let handed_out = again.store.read(&block.hash());
        match nth {
            5 | 6 => assert!(handed_out.is_err(), "number {nth}"),
            _ => assert_eq!(handed_out, Ok(Some(encoding::encode(block).into())), "number {nth}"),
        }
    }
}

#[test]
fn a_file_of_the_first_format_is_read_and_written_on() {
    let blocks = chain(2 + MANY);
    let side = full(genesis(), 1, 7, 7_000_000);
    let folder = filled(&[core::slice::from_ref(&side), &blocks[..2]].concat());
    let file = database(&folder);
    let format = |to: Option<u64>| {
        let transaction = file.begin_write().expect("a transaction");
        let now = {
            let mut meta = transaction.open_table(META).expect("a table");
            if let Some(to) = to {
                meta.insert("format", &to.to_le_bytes()[..]).expect("written");
                transaction.delete_table(RUNS).expect("written");
                transaction.delete_table(CHECKSUMS).expect("written");
            }
            let now = meta.get("format").expect("read").expect("a row").value().try_into();
            u64::from_le_bytes(now.expect("eight bytes"))
        };
        transaction.commit().expect("committed");
        now
    };
    assert_eq!(format(Some(1)), 1);
    drop(file);
    assert_eq!(findings(&folder), [""; 0]);
    let again = opened(&folder);
    let old = Record { format: 1, ..record(again.node) };
    again.folder.write_record(&old).expect("written");
    assert_found(&again.store, &blocks[..2]);
    again.store.submit(batch(1, &blocks[2..].iter().collect::<Vec<_>>(), &[side.hash()]));
    again.store.close().expect("closed");
    drop(again);
    assert_eq!(findings(&folder), [""; 0]);
    let file = database(&folder);
    let meta = file.begin_read().expect("a file").open_table(META).expect("a table");
    assert_eq!(meta.get("format").expect("read").expect("a row").value(), FORMAT.to_le_bytes());
    drop((meta, file));
    assert_found(&opened(&folder).store, &blocks);
}

/// Row 61 of docs/hostile.md.
#[test]
fn a_power_cut_while_runs_are_written_loses_no_place() {
    let blocks = chain(2 * MANY);
    let mut cut = 0;
    for seed in 0..8 {
        let mut dice = ChaCha12Rng::seed_from_u64(seed);
        let disk = Disk::default();
        let regtest = Params::regtest();
        let on =
            |disk: &Disk| over_backend(open_backend(disk.chain.clone())?, disk.journal.clone(), &regtest);
        drop(on(&disk).expect("a new disk"));
        let fuse = dice.random_range(20..200);
        disk.burn(fuse);
        let mut acknowledged = 0;
        if let Ok((store, mut committed, _)) = on(&disk) {
            for (part, seq) in blocks.chunks(MANY).zip(1..) {
                store.submit(batch(seq, &part.iter().collect::<Vec<_>>(), &[]));
            }
            let _ = store.close();
            drop(store);
            while let Some(Ok(seq)) = committed.wait() {
                acknowledged = seq as usize;
            }
        }
        cut += usize::from(disk.is_cut());
        let (store, _committed, loaded) = on(&disk.after_power_cut(&mut dice)).expect("an old disk");
        assert!(loaded.headers.len() >= MANY * acknowledged, "seed {seed}");
        assert_found(&store, &blocks[..loaded.headers.len()]);
    }
    println!("{cut} of 8 were cut short");
    assert!(cut > 0, "the fuses were too long");
}
