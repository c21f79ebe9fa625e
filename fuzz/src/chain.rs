//! A tree of blocks, good and bad, delivered in any order: the chain says what the model says.

#[path = "../../tests/model/compare/mod.rs"]
mod compare;

use arbitrary::{Result, Unstructured};
use p2pnode::params::Params;

use compare::{Bad, Delivery, Run, Step, compare};

/// Blocks in a tree at most: the model looks at all of them at every step.
const MAX_BLOCKS: u16 = 96;

/// Deliveries at most.
const MAX_DELIVERIES: usize = 40;

/// The bytes choose a network, a cap, a tree and its order.
pub fn target(data: &[u8]) {
    // Bytes that end too early are no case; nothing is wrong with that.
    let _ = run(&mut Unstructured::new(data));
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let moves: bool = u.arbitrary()?;
    let cap = *u.choose(&[0, 1, 2, 3, 5, 8, 1000])?;
    let mut left = MAX_BLOCKS;
    let mut runs = Vec::new();
    for _ in 0..u.int_in_range(1..=8)? {
        let run = one(u, left.min(24))?;
        left -= run.len;
        runs.push(run);
        if left == 0 {
            break;
        }
    }
    let mut deliveries = Vec::new();
    while !u.is_empty() && deliveries.len() < MAX_DELIVERIES {
        deliveries.push(delivery(u)?);
    }
    let params = if moves { Params::lab(3, Some(10)) } else { Ok(Params::regtest()) };
    compare(params.expect("good rules"), &runs, &deliveries, cap);
    Ok(())
}

fn one(u: &mut Unstructured<'_>, most: u16) -> Result<Run> {
    let len = u.int_in_range(1..=most)?;
    let bad =
        *u.choose(&[None, None, Some(Bad::Height), Some(Bad::Pow), Some(Bad::Bits), Some(Bad::Time)])?;
    let at = u.int_in_range(0..=len - 1)?;
    Ok(Run { on: u.arbitrary()?, len, gap: *u.choose(&[0, 1, 10, 60, 600])?, bad: bad.map(|bad| (at, bad)) })
}

fn delivery(u: &mut Unstructured<'_>) -> Result<Delivery> {
    use Step::{Body, EarlyBody, EarlyHeader, Forgotten, Header, Reject};
    let step = *u.choose(&[Header, Header, Body, Body, Body, Reject, EarlyHeader, EarlyBody, Forgotten])?;
    Ok(Delivery { step, from: u.arbitrary()?, len: u.int_in_range(1..=24)?, down: u.arbitrary()? })
}
