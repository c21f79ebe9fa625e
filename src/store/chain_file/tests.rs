//! A chain goes out of one folder and into another, and whatever is wrong on the way is said and changes
//! nothing.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use tempfile::TempDir;

use super::*;
use crate::chain::testing::{LATE, checked, content, grow, mine_on};
use crate::chain::{Chain, CheckedBlock};
use crate::limits::{MAX_BLOCK_BYTES, MAX_CONTENT_BYTES};
use crate::params::Params;
use crate::store::{Batch, CHAIN_FILE, OpenError, Store, StoredBlock, Waiting, open};
use crate::types::{Content, NodeId, Transaction, TxId};

fn regtest() -> Arc<Params> {
    Arc::new(Params::regtest())
}

/// `count` blocks on genesis, each with a content of its own.
fn blocks(count: u64, note: &str) -> Vec<CheckedBlock> {
    let mut chain = Chain::new(regtest());
    let mine = |nth| {
        let next = mine_on(&chain, &chain.tip().hash, vec![content(nth, note)], note);
        chain.import(&next, LATE);
        next
    };
    (0..count).map(mine).collect()
}

/// The folder of a node that keeps `blocks`, the last of which is its tip, and has `waiting` in its pool.
fn folder_of(blocks: &[CheckedBlock], waiting: &[Transaction]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = open(folder.path(), &regtest(), NodeId([9; 16])).expect("a new folder");
    let mut all = Batch::empty(blocks.last().map_or(regtest().genesis_hash(), CheckedBlock::hash));
    all.blocks = blocks.iter().map(|block| StoredBlock::from(&**block.block())).collect();
    all.waiting = waiting.iter().map(Waiting::from).collect();
    opened.store.submit(all);
    opened.store.close().expect("closed");
    folder
}

/// The chain file of `blocks`.
fn file_of(blocks: &[CheckedBlock]) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), regtest().rules()).expect("written");
    blocks.iter().for_each(|block| writer.block(block.encoded()).expect("written"));
    writer.end().expect("written")
}

fn exported(folder: &Path) -> Result<Vec<u8>, ExportError> {
    let mut bytes = Vec::new();
    export(folder, &regtest(), &mut bytes, &mut |_, _| {})?;
    Ok(bytes)
}

fn imported(file: &[u8], folder: &Path) -> Result<Imported, ImportError> {
    import(Cursor::new(file), folder, NodeId([3; 16]), LATE, &mut |_, _| {})
}

/// Heights before and after, blocks that joined and blocks that left.
fn adopted(imported: Imported) -> (u64, u64, u64, u64) {
    match imported {
        Imported::Adopted { before, tip, connected, reverted } => {
            (before.height, tip.height, connected, reverted)
        }
        other => panic!("{other:?}"),
    }
}

/// What waits in the folder of a node.
fn waiting(folder: &Path) -> Vec<Transaction> {
    open(folder, &regtest(), NodeId([3; 16])).expect("a folder").loaded.waiting
}

#[test]
fn a_chain_goes_from_folder_to_folder_and_is_the_same_bytes() {
    let chain = blocks(30, "a");
    let folder = folder_of(&chain, &[]);
    let file = exported(folder.path()).expect("a sound folder");
    assert_eq!(file, file_of(&chain), "the same chain is the same bytes, whoever writes them");
    let other = tempfile::tempdir().expect("a folder");
    let there = other.path().join("new");
    let came = imported(&file, &there).expect("a sound file");
    assert_eq!(adopted(came), (0, 30, 30, 0));
    assert_eq!(exported(&there).expect("a sound folder"), file);
    for part in [&file, &file_of(&chain[..7]), &file_of(&[])] {
        let again = imported(part, &there).expect("a sound file");
        assert!(matches!(again, Imported::AlreadyThere(tip) if tip.height == 30), "{again:?}");
    }
}

/// One byte of a block is another: who has the chain by its headers does not have it.
#[test]
fn a_chain_that_is_there_and_damaged_is_not_there() {
    let chain = blocks(120, "a");
    let folder = folder_of(&chain, &[]);
    let file = folder.path().join(CHAIN_FILE);
    let mut bytes = std::fs::read(&file).expect("a file");
    let body = &chain[60].encoded()[80..];
    let copies: Vec<usize> =
        (0..bytes.len() - body.len()).filter(|at| bytes[*at..].starts_with(body)).collect();
    assert!(!copies.is_empty(), "the block is in the file");
    copies.into_iter().for_each(|at| bytes[at + body.len() / 2] ^= 1);
    std::fs::write(&file, bytes).expect("written");
    let said = imported(&file_of(&chain), folder.path());
    assert!(matches!(said, Err(ImportError::Damage(_))), "{said:?}");
}

#[test]
fn a_chain_with_more_work_takes_over_and_contents_are_not_lost() {
    let ours = blocks(5, "ours");
    let mut chain = Chain::new(regtest());
    ours[..2].iter().for_each(|block| drop(chain.import(block, LATE)));
    // Theirs parts from ours after two blocks, and has our fourth block's content in it.
    let moved = ours[3].block().transactions[1].clone();
    let also = content(77, "waits, and theirs has it");
    let theirs_first = mine_on(&chain, &chain.tip().hash, vec![moved, also.clone()], "theirs");
    chain.import(&theirs_first, LATE);
    let rest = grow(&mut chain, &theirs_first.hash(), 3, "theirs");
    let theirs: Vec<CheckedBlock> = ours[..2].iter().cloned().chain([theirs_first]).chain(rest).collect();
    let waits = content(78, "waits");
    let folder = folder_of(&ours, &[also, waits.clone()]);
    let same_work = imported(&file_of(&theirs[..5]), folder.path()).expect("a sound file");
    assert!(matches!(same_work, Imported::NoMoreWork { .. }), "{same_work:?}");
    assert_eq!(exported(folder.path()).expect("sound"), file_of(&ours), "nothing was changed");
    let came = imported(&file_of(&theirs), folder.path()).expect("it has more work");
    assert_eq!(adopted(came), (5, 6, 4, 3));
    assert_eq!(exported(folder.path()).expect("sound"), file_of(&theirs));
    let mut left = waiting(folder.path());
    let mut wanted =
        vec![waits, ours[2].block().transactions[1].clone(), ours[4].block().transactions[1].clone()];
    left.sort_by_key(Transaction::id);
    wanted.sort_by_key(Transaction::id);
    assert_eq!(left, wanted, "what only the old branch had waits again; what the new one has does not");
}

/// A chain file that ends in an error when it is read for the second time: what was committed until then is what
/// a kill there leaves.
struct Cut<'a> {
    file: Cursor<&'a [u8]>,
    /// Bytes that can be read the second time.
    at: u64,
    rewinds: usize,
}

impl Read for Cut<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let is_over = self.rewinds > 1 && self.file.position() >= self.at;
        if is_over { Err(io::Error::other("cut")) } else { self.file.read(to) }
    }
}

impl Seek for Cut<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.rewinds += usize::from(to == SeekFrom::Start(0));
        self.file.seek(to)
    }
}

/// The blocks of a fork take more than one commit, and its work is more only with the last of them.
#[test]
fn an_import_that_is_cut_short_leaves_the_old_chain_with_its_pool() {
    let ours = blocks(8, "ours");
    let waits = content(78, "waits, and theirs has it");
    let mut chain = Chain::new(regtest());
    let filler = |nth| {
        Transaction::Content(Content {
            nonce: nth,
            data: vec![0; MAX_CONTENT_BYTES].try_into().expect("the largest content"),
        })
    };
    let mut theirs: Vec<CheckedBlock> = Vec::new();
    for nth in 0..9u64 {
        let large = (nth < 6).then(|| (0..14).map(move |n| filler(100 * nth + n)));
        let contents = (nth == 0).then(|| waits.clone()).into_iter().chain(large.into_iter().flatten());
        let next = mine_on(&chain, &chain.tip().hash, contents.collect(), "theirs");
        chain.import(&next, LATE);
        theirs.push(next);
    }
    let file = file_of(&theirs);
    let folder = folder_of(&ours, std::slice::from_ref(&waits));
    let cut = Cut { file: Cursor::new(&file), at: 5_500_000, rewinds: 0 };
    let error = import(cut, folder.path(), NodeId([3; 16]), LATE, &mut |_, _| {});
    assert!(matches!(error, Err(ImportError::File(BadFile::Io(_)))), "{error:?}");
    let opened = open(folder.path(), &regtest(), NodeId([3; 16])).expect("a folder");
    assert!(opened.store.blocks() > 9, "part of theirs was committed");
    drop(opened);
    assert_eq!(exported(folder.path()).expect("sound"), file_of(&ours), "ours is the chain");
    assert_eq!(waiting(folder.path()), std::slice::from_ref(&waits), "and its pool is as it was");
    let came = imported(&file, folder.path()).expect("it has more work");
    assert_eq!(adopted(came), (8, 9, 9, 8));
    let mut left: Vec<TxId> = waiting(folder.path()).iter().map(Transaction::id).collect();
    let mut wanted: Vec<TxId> = ours.iter().map(|block| block.ids()[1]).collect();
    left.sort();
    wanted.sort();
    assert_eq!(left, wanted, "what ours held waits; what theirs holds does not");
}

/// More blocks than may be beside the active chain come before the one that makes them the active chain.
#[test]
fn a_fork_that_is_longer_than_what_is_kept_beside_a_chain_is_adopted() {
    let (ours, theirs) = (blocks(8, "ours"), blocks(9, "theirs"));
    let folder = folder_of(&ours, &[]);
    let file = Cursor::new(file_of(&theirs));
    let came = import::import_beside(3, file, folder.path(), NodeId([3; 16]), LATE, &mut |_, _| {});
    assert_eq!(adopted(came.expect("it has more work")), (8, 9, 9, 8));
    assert_eq!(exported(folder.path()).expect("sound"), file_of(&theirs));
    let opened = open(folder.path(), &regtest(), NodeId([3; 16])).expect("a folder");
    assert_eq!(opened.store.blocks(), 1 + 9 + 3, "genesis, theirs, and the first of ours");
}

/// The file and the block are named, and what is wrong with it.
#[test]
fn a_stored_block_that_is_missing_or_no_block_is_damage() {
    let chain = blocks(2, "a");
    let (there, missing) = (chain[0].hash(), chain[1].hash());
    let (store, _) = Store::memory(StoredBlock {
        hash: there,
        encoded: vec![0xff; 100].into(),
        ids: chain[0].ids().clone(),
    });
    let rows = [
        (there, format!("the block {there} cannot be decoded: ")),
        (missing, format!("the block {missing} is missing")),
    ];
    for (hash, says) in rows {
        let damage = stored_block(&store, Path::new("x"), &hash).expect_err("no block");
        assert!(damage.what.starts_with(&says), "{damage}");
        assert_eq!(damage.path, Path::new("x").join(CHAIN_FILE));
    }
}

#[test]
fn what_is_no_chain_file_is_said_and_changes_nothing() {
    let chain = blocks(4, "a");
    let good = file_of(&chain);
    let end = good.len() - 44;
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let first = 16 + 4 + u32::from_be_bytes(good[16..20].try_into().expect("four bytes")) as usize;
    let genesis = CheckedBlock::check(regtest().genesis().clone(), &regtest()).expect("genesis");
    let lab = Writer::begin(Vec::new(), Params::mainnet().rules()).and_then(Writer::end).expect("written");
    let mut alien = regtest().rules().clone();
    alien.start.0 += 1;
    let alien = Writer::begin(Vec::new(), &alien).and_then(Writer::end).expect("written");
    let rows: [(&str, Vec<u8>, &str); 13] = [
        ("nothing", vec![], "no chain file"),
        ("something else", b"{\"chain\": [], \"length\": 0}".to_vec(), "no chain file"),
        ("a later version", with(14, b"2"), "a version that this program does not know"),
        (
            "rules of 4 GiB",
            with(16, &[0xff; 4]),
            "the description of the network after 0 whole blocks claims",
        ),
        ("rules that are no rules", with(20, &[0xff; 8]), "the rules at its beginning cannot be read"),
        ("a network of nobody", alien, "no network that this version knows"),
        (
            "a block over its limit",
            with(first, &(MAX_BLOCK_BYTES as u32 + 1).to_be_bytes()),
            "a block after 0 whole blocks claims 1000001",
        ),
        ("a block that is no block", with(first + 4 + 80, &[0xff; 8]), "block 1 cannot be read"),
        ("another count", with(end + 4, &9u64.to_le_bytes()), "its checksum"),
        ("another checksum", with(good.len() - 1, &[good[good.len() - 1] ^ 1]), "its checksum"),
        ("a byte too many", [good.clone(), vec![0]].concat(), "something follows its end"),
        (
            "genesis in it",
            file_of(&[&[genesis][..], &chain[..]].concat()),
            "block 1 breaks the rule Unlinked",
        ),
        (
            "blocks out of order",
            file_of(&[chain[0].clone(), chain[2].clone()]),
            "block 2 breaks the rule Unlinked",
        ),
    ];
    let folder = folder_of(&chain[..2], &[]);
    for (what, file, says) in rows {
        let error = imported(&file, folder.path()).expect_err(what).to_string();
        assert!(error.contains(says), "{what}: {error}");
        assert_eq!(exported(folder.path()).expect("sound"), file_of(&chain[..2]), "{what}");
    }
    let other = imported(&lab, folder.path()).expect_err("another network's");
    assert!(matches!(other, ImportError::Open(OpenError::OtherNetwork { .. })), "{other:?}");
}

#[test]
fn a_chain_file_that_is_cut_or_altered_anywhere_is_refused() {
    let good = file_of(&blocks(3, "a"));
    let read = |bytes: &[u8]| -> Result<u64, BadFile> {
        let mut reader = Reader::begin(bytes)?;
        while reader.block()?.is_some() {}
        Ok(reader.blocks())
    };
    assert_eq!(read(&good).expect("sound"), 3);
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "cut after {length} bytes");
    }
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bad).is_err(), "bit {bit} flipped");
    }
}

#[test]
fn a_block_that_breaks_a_rule_keeps_the_whole_file_out() {
    let chain = blocks(6, "a");
    let folder = folder_of(&chain[..1], &[]);
    let mut tree = Chain::new(regtest());
    chain.iter().for_each(|block| drop(tree.import(block, LATE)));
    // A seventh block whose coinbase names another height.
    let mut header = *mine_on(&tree, &tree.tip().hash, vec![], "").header();
    header.nonce = 0;
    let wrong = crate::chain::testing::block_of(header, vec![crate::chain::testing::coinbase(5, "")]);
    let wrong = [chain.clone(), vec![checked(wrong, &regtest())]].concat();
    let error = imported(&file_of(&wrong), folder.path()).expect_err("a rule is broken").to_string();
    assert!(error.contains("block 7 breaks the rule BadHeight"), "{error}");
    assert_eq!(exported(folder.path()).expect("sound"), file_of(&chain[..1]), "nothing of it was taken");
}

/// `EXPORT_BLOCKS=10000 EXPORT_FLIPS=100` is the long form.
/// Row 62 of docs/hostile.md.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test has no flags")]
fn a_bit_that_flips_in_the_store_leaves_the_export_as_it_was_or_is_named() {
    let number = |name: &str, usual| std::env::var(name).map_or(usual, |n| n.parse().expect("a number"));
    let (count, flips) = (number("EXPORT_BLOCKS", 1000), number("EXPORT_FLIPS", 30));
    let chain = blocks(count, "a");
    let folder = folder_of(&chain, &[]);
    let place = folder.path().join(CHAIN_FILE);
    let (sound, wanted) = (std::fs::read(&place).expect("a file"), file_of(&chain));
    let seed = number("EXPORT_SEED", 5);
    let mut dice = ChaCha12Rng::seed_from_u64(seed);
    let mut named = 0;
    for _ in 0..flips {
        let bit = dice.random_range(0..sound.len() * 8);
        let mut bad = sound.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&place, &bad).expect("written");
        match exported(folder.path()) {
            Ok(file) => assert!(file == wanted, "seed {seed}, bit {bit}: an altered chain was exported"),
            Err(error) => {
                assert!(!matches!(error, ExportError::Write(_)), "bit {bit}: {error}");
                named += 1;
            }
        }
        // A start that found the damage may have set a file aside that says how far it was.
        let _ = std::fs::remove_file(folder.path().join("checkpoint.json"));
    }
    println!(
        "seed {seed}: {named} of {flips} flips in {} bytes were named, the others changed nothing",
        sound.len()
    );
}
