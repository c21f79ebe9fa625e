//! Each rule broken once, by the least that breaks it; and what being refused leaves behind.

use super::*;
use crate::chain::testing::{block_of, checked, coinbase, content, mine_at, solve};
use crate::encoding::List;
use crate::types::{Block, CompactTarget, Content, Transaction};

const ALL: [Rule; 15] = [
    Rule::BadPow,
    Rule::BadBits,
    Rule::TimeTooOld,
    Rule::TimeTooNew,
    Rule::GenesisMismatch,
    Rule::BadMerkleRoot,
    Rule::MutatedMerkle,
    Rule::BlockTooLarge,
    Rule::NoCoinbase,
    Rule::ExtraCoinbase,
    Rule::DuplicateTransaction,
    Rule::BadHeight,
    Rule::KnownInvalid,
    Rule::InvalidParent,
    Rule::Unlinked,
];

/// A header on `parent` whose hash is one that `wanted` likes.
fn ground(mut header: Header, wanted: impl Fn(&BlockHash) -> bool) -> Header {
    while !wanted(&header.hash()) {
        header.nonce += 1;
    }
    header
}

fn refused(chain: &mut Chain, block: Block) -> Option<Rule> {
    match CheckedBlock::check(block, chain.params()) {
        Err(rule) => Some(rule),
        Ok(block) => match chain.import(&block, LATE) {
            Outcome::Invalid(rule) => Some(rule),
            _ => None,
        },
    }
}

/// A child of genesis with these transactions, mined.
fn first(chain: &Chain, transactions: Vec<Transaction>) -> Block {
    block_of(chain.next_header().1, transactions)
}

fn filler(bytes: usize) -> Transaction {
    content(bytes as u64, &"x".repeat(bytes))
}

/// A child of genesis whose encoding is `bytes` long.
fn block_of_size(chain: &Chain, bytes: usize) -> Block {
    let mut transactions = vec![coinbase(1, "")];
    let mut left = bytes - first(chain, transactions.clone()).size();
    let empty = filler(0).size();
    while left > 0 {
        let step = left.min(60_000);
        // What is left must still hold a transaction.
        let step = if left - step < empty && left != step { step - empty } else { step };
        transactions.push(filler(step - empty));
        left -= step;
        // Equal sizes need different nonces.
        if let Some(Transaction::Content(last)) = transactions.last_mut() {
            last.nonce = left as u64;
        }
    }
    let block = first(chain, transactions);
    assert_eq!(block.size(), bytes);
    block
}

/// What comes of breaking `rule` and no other, on a fresh chain with one block.
fn broken(rule: Rule) -> Option<Rule> {
    let mut chain = regtest();
    let genesis = chain.params().genesis_hash();
    let good = mine_on(&chain, &genesis, vec![content(1, "a"), content(2, "b")], "good");
    let header = *good.header();
    let block = |header| Block { header, transactions: good.block().transactions.clone() };
    let branch = |chain: &Chain, blocks: Vec<Block>, now| {
        CheckedBranch::check(blocks, chain.params(), now).err().map(|bad| bad.rule)
    };
    let start = chain.params().genesis().clone();
    let target = header.bits.to_target().expect("bits");
    match rule {
        Rule::BadPow => refused(&mut chain, block(ground(header, |hash| !target.is_met_by(hash)))),
        // Harder than due, and met.
        Rule::BadBits => {
            refused(&mut chain, block(solve(Header { bits: CompactTarget(0x2000_ffff), ..header })))
        }
        Rule::TimeTooOld => {
            refused(&mut chain, block(solve(Header { time: start.header.time - 1, ..header })))
        }
        Rule::TimeTooNew => {
            let now = UnixTime::from_secs(u64::from(header.time) - chain.params().max_future() - 1);
            branch(&chain, vec![start, block(header)], now)
        }
        Rule::GenesisMismatch => {
            refused(&mut chain, block(solve(Header { previous: BlockHash::ZERO, ..header })))
        }
        Rule::BadMerkleRoot => {
            let fewer = good.block().transactions.iter().take(2).cloned();
            refused(&mut chain, Block { header, transactions: List::clipped(fewer) })
        }
        Rule::MutatedMerkle => {
            let mut repeated = good.block().transactions.to_vec();
            repeated.extend(repeated.last().cloned());
            refused(&mut chain, Block { header, transactions: List::clipped(repeated) })
        }
        Rule::BlockTooLarge => {
            let block = block_of_size(&chain, crate::limits::MAX_BLOCK_BYTES + 1);
            refused(&mut chain, block)
        }
        Rule::NoCoinbase => {
            let block = first(&chain, vec![content(1, "a"), coinbase(1, "")]);
            refused(&mut chain, block)
        }
        Rule::ExtraCoinbase => {
            let block = first(&chain, vec![coinbase(1, ""), content(1, "a"), coinbase(1, "again")]);
            refused(&mut chain, block)
        }
        // Not side by side, or it were a mutation.
        Rule::DuplicateTransaction => {
            let twice = vec![coinbase(1, ""), content(1, "a"), content(2, "b"), content(1, "a")];
            let block = first(&chain, twice);
            refused(&mut chain, block)
        }
        Rule::BadHeight => {
            let block = first(&chain, vec![coinbase(2, "")]);
            refused(&mut chain, block)
        }
        Rule::KnownInvalid => {
            let bad = first(&chain, vec![coinbase(2, "")]);
            refused(&mut chain, bad.clone());
            refused(&mut chain, bad)
        }
        Rule::InvalidParent => {
            let bad = first(&chain, vec![coinbase(2, "")]);
            refused(&mut chain, bad.clone());
            let header = Header { previous: bad.hash(), ..bad.header };
            refused(&mut chain, block_of(header, vec![coinbase(2, "")]))
        }
        Rule::Unlinked => branch(&chain, vec![start.clone(), block(header), block(header)], LATE),
    }
}

/// Rows 25, 26, 28, 31 and 43 of docs/hostile.md.
#[test]
fn every_rule_is_refused_by_its_name() {
    for (place, rule) in ALL.into_iter().enumerate() {
        assert_eq!(broken(rule), Some(rule));
        assert_eq!(rule.name(), format!("{rule:?}"));
        assert!(ALL[..place].iter().all(|other| other.to_string() != rule.to_string()), "{rule}");
    }
}

/// Row 26 of docs/hostile.md.
#[test]
fn bits_that_are_no_target_are_refused_before_their_hash_is_looked_at() {
    let mut chain = regtest();
    let (_, header) = chain.next_header();
    // Zero, negative, overflow, above the limit.
    for bits in [0, 0x0300_0000, 0x2080_0001, 0x2101_0000, 0xff7f_ffff, 0x207f_ffff + 1, 0x2100_8000] {
        let header = Header { bits: CompactTarget(bits), ..header };
        assert_eq!(chain.import_header(&header, LATE), HeaderOutcome::Invalid(Rule::BadBits), "{bits:08x}");
    }
    assert_eq!(chain.len(), 1);
}

/// Row 46 of docs/hostile.md.
#[test]
fn a_block_may_have_its_largest_size_and_not_a_byte_more() {
    let mut chain = regtest();
    let largest = checked(block_of_size(&chain, crate::limits::MAX_BLOCK_BYTES), chain.params());
    assert_eq!(largest.encoded().len(), crate::limits::MAX_BLOCK_BYTES);
    assert_eq!(switched(chain.import(&largest, LATE)).0, [largest.hash()]);
}

/// Row 47: whatever is in a block, its checking takes as long as its bytes: of 32 times as many it takes some 32 times
/// as long, where to look at each beside each other one would take 1,024 times. A busy machine makes what is long
/// longer than what is short, so that something between them is the bound. The times are printed.
#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is the question")]
fn no_block_takes_longer_to_check_than_its_bytes_do() {
    let chain = regtest();
    let smallest = |nonce| Transaction::Content(Content { nonce, data: Default::default() });
    let room = crate::limits::MAX_BLOCK_BYTES - first(&chain, vec![coinbase(1, "")]).size();
    let most = room / crate::limits::MIN_TRANSACTION_BYTES;
    let many = |count| (0..count as u64).map(smallest).collect::<Vec<_>>();
    let large = |bytes: usize| (0..16).map(|n| filler(bytes + n)).collect::<Vec<_>>();
    let shapes =
        [("the most", many(most), many(most / 32)), ("the largest", large(60_000), large(60_000 / 32))];
    for (shape, whole, part) in shapes {
        // The best of a few: a machine that is busy with something else makes a time longer, never shorter.
        let [whole, part] = [whole, part].map(|contents| {
            let block = first(&chain, core::iter::once(coinbase(1, "")).chain(contents).collect());
            let times = (0..5).map(|_| {
                let start = std::time::Instant::now();
                checked(block.clone(), chain.params());
                start.elapsed()
            });
            times.min().expect("some")
        });
        println!("{shape} transactions: checked in {whole:?}, a 32nd of it in {part:?}");
        assert!(whole < 8 * 32 * part, "{shape}: {whole:?}, {part:?}");
    }
}

/// Whatever is said of a body that the header does not commit to must be body-only, misshapen or not: a
/// liar could pair an honest header with it.
/// Row 27 of docs/hostile.md.
#[test]
fn a_foreign_body_never_discredits_an_honest_header() {
    let mut chain = regtest();
    let honest = mine_on(&chain, &chain.tip().hash, vec![content(1, "a"), content(2, "b")], "");
    let ours = honest.block().transactions.to_vec();
    let mutated = [&ours[..], &ours[2..]].concat();
    let twice = vec![coinbase(1, ""), content(1, "a"), content(2, "b"), content(1, "a")];
    let large = (0..20).map(|i| content(i, &"x".repeat(60_000))).collect();
    let foreign: [Vec<Transaction>; 7] =
        [Vec::new(), ours[1..].to_vec(), vec![coinbase(1, ""); 2], twice, large, mutated, ours[..1].to_vec()];
    for transactions in foreign {
        let body = Block { header: *honest.header(), transactions: List::clipped(transactions) };
        let rule = CheckedBlock::check(body, chain.params()).expect_err("a foreign body");
        assert!(rule.is_body_only(), "{rule:?}");
    }
    assert_eq!(switched(chain.import(&honest, LATE)).0, [honest.hash()]);
}

#[test]
fn an_empty_body_that_the_header_commits_to_is_refused_for_its_missing_coinbase() {
    let chain = regtest();
    let rule = CheckedBlock::check(first(&chain, Vec::new()), chain.params()).expect_err("no coinbase");
    assert_eq!(rule, Rule::NoCoinbase);
    assert!(!rule.is_body_only());
}

/// Row 32 of docs/hostile.md.
#[test]
fn a_block_from_the_future_is_taken_at_its_time() {
    let mut chain = regtest();
    let block = mine_at(&chain, &chain.tip().hash, 2_000_000_000, Vec::new(), "");
    let retry_at = UnixTime::from_secs(2_000_000_000 - chain.params().max_future());
    let before = UnixTime::from_millis(retry_at.millis() - 1);
    for _ in 0..2 {
        assert_eq!(chain.import(&block, before), Outcome::TooEarly { retry_at });
        assert_eq!(chain.import_header(block.header(), before), HeaderOutcome::TooEarly { retry_at });
    }
    assert_eq!((chain.len(), chain.get(&block.hash())), (1, None), "nothing is kept");
    assert_eq!(switched(chain.import(&block, retry_at)).0, [block.hash()]);
}

/// Row 31 of docs/hostile.md.
#[test]
fn time_must_pass_the_median_where_difficulty_moves_and_reach_it_where_not() {
    let moving = Params::lab(1, Some(10)).expect("good rules");
    for (params, step) in [(Params::regtest(), 0), (moving, 1)] {
        let mut chain = Chain::new(Arc::new(params));
        let genesis = chain.tip().hash;
        let base = chain.params().genesis().header.time;
        let mut last = genesis;
        for gap in [100, 300, 200, 500, 400] {
            let block = mine_at(&chain, &last, base + gap, Vec::new(), "");
            switched(chain.import(&block, LATE));
            last = block.hash();
        }
        // Of base, +100, +300, +200, +500, +400.
        assert_eq!(chain.median_time(&last), Some(base + 300));
        let (height, header) = chain.next_header();
        assert_eq!((height, header.time), (6, base + 300 + step));
        let early = solve(Header { time: header.time - 1, ..header });
        assert_eq!(chain.import_header(&early, LATE), HeaderOutcome::Invalid(Rule::TimeTooOld));
        assert_eq!(chain.import_header(&solve(header), LATE), HeaderOutcome::New);
    }
}

/// Row 33 of docs/hostile.md.
#[test]
fn an_invalid_block_takes_its_descendants_with_it_and_the_best_headers_fall_back() {
    let mut chain = regtest();
    let genesis = chain.tip().hash;
    let good = grow(&mut chain, &genesis, 3, "good");
    // A heavier branch of headers, the second block of which names a wrong height.
    let side = mine_on(&chain, &genesis, Vec::new(), "side");
    chain.import_header(side.header(), LATE);
    let (_, header) = chain.child_of(&side.hash()).expect("known");
    let bad = checked(block_of(header, vec![coinbase(7, "")]), chain.params());
    chain.import_header(bad.header(), LATE);
    let mut above = vec![bad.clone()];
    for _ in 0..4 {
        let next = mine_on(&chain, &above.last().expect("one at least").hash(), Vec::new(), "above");
        assert_eq!(chain.import_header(next.header(), LATE), HeaderOutcome::New);
        above.push(next);
    }
    assert_eq!(chain.best_header().height, 6);
    // A body above comes before the bad one.
    assert_eq!(switched(chain.import(&above[2], LATE)), (vec![], vec![]));
    assert_eq!(switched(chain.import(&side, LATE)), (vec![], vec![]));

    assert_eq!(chain.import(&bad, LATE), Outcome::Invalid(Rule::BadHeight));

    assert_eq!(chain.best_header(), chain.tip());
    assert_eq!(chain.tip().hash, good[2].hash());
    for block in &above {
        assert!(chain.get(&block.hash()).is_some_and(|entry| entry.invalid));
        assert_eq!(chain.import(block, LATE), Outcome::Invalid(Rule::KnownInvalid));
    }
    assert!(chain.get(&side.hash()).is_some_and(|entry| !entry.invalid));
    let child = Header { previous: above[4].hash(), ..*above[4].header() };
    assert_eq!(chain.import_header(&solve(child), LATE), HeaderOutcome::Invalid(Rule::InvalidParent));
}

#[test]
fn rejecting_marks_a_header_only_while_no_body_of_it_was_good() {
    let mut chain = regtest();
    let genesis = chain.params().genesis_hash();
    let good = grow(&mut chain, &genesis, 1, "")[0].clone();
    chain.reject(&good.hash());
    chain.reject(&genesis);
    chain.reject(&BlockHash::ZERO);
    assert!(chain.get(&good.hash()).is_some_and(|entry| !entry.invalid));
    let bad = block_of(chain.next_header().1, vec![]);
    chain.import_header(&bad.header, LATE);
    chain.reject(&bad.hash());
    assert!(chain.get(&bad.hash()).is_some_and(|entry| entry.invalid));
    assert_eq!(chain.best_header().hash, good.hash());
}
