//! Callers, and what they say before anybody trusts them.

use arbitrary::{Arbitrary, Result, Unstructured};
use p2pnode::node::io::{Direction, Input};

use super::edge::Edge;
use super::pool::Pool;
use super::script::Script;

/// Things that happen in one run at most.
const MAX_STEPS: usize = 400;

/// The bytes choose who calls, and what is said.
pub fn target(data: &[u8]) {
    // Bytes that end in the middle of something end the run there.
    let _ = run(&mut Unstructured::new(data));
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let pool = Pool::of(false);
    let mut edge = Edge::new(&pool.params);
    let mut script = Script { u, pool, asked: Vec::new() };
    for _ in 0..MAX_STEPS {
        if script.u.is_empty() {
            break;
        }
        step(&mut script, &mut edge)?;
    }
    Ok(())
}

fn step(script: &mut Script<'_, '_>, edge: &mut Edge) -> Result<()> {
    match u8::arbitrary(script.u)? {
        0..40 => script.connect(edge)?,
        // A crowd.
        40..50 => {
            for _ in 0..u8::arbitrary(script.u)? {
                edge.connected(([10, 0, 0, 9], 40_000).into(), Direction::Inbound);
            }
        }
        50..60 => script.dial(edge)?,
        60..150 => {
            let conn = script.link(edge)?;
            let hello = script.hello()?;
            edge.received(conn, hello);
        }
        150..180 => {
            let conn = script.link(edge)?;
            let message = script.raw()?;
            edge.received(conn, message);
        }
        180..190 => edge.input(Input::UnknownKind(script.link(edge)?, 0x7f)),
        190..210 => script.closed(edge)?,
        210..235 => script.elapse(edge)?,
        _ => {
            let conn = script.link(edge)?;
            script.signed(edge, conn)?;
        }
    }
    Ok(())
}
