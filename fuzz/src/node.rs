//! Everything that may happen to a node, in any order.

use arbitrary::{Arbitrary, Result, Unstructured};
use p2pnode::node::io::Input;

use super::edge::Edge;
use super::pool::Pool;
use super::script::Script;

/// Things that happen in one run at most.
const MAX_STEPS: usize = 400;

/// The bytes choose a network, and then what happens.
pub fn target(data: &[u8]) {
    // Bytes that end in the middle of something end the run there.
    let _ = run(&mut Unstructured::new(data));
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let pool = Pool::of(bool::arbitrary(u)?);
    let mut edge = Edge::new(&pool.params);
    let mut script = Script { u, pool, asked: Vec::new() };
    for _ in 0..MAX_STEPS {
        if script.u.is_empty() || edge.stopped {
            break;
        }
        step(&mut script, &mut edge)?;
    }
    Ok(())
}

fn step(script: &mut Script<'_, '_>, edge: &mut Edge) -> Result<()> {
    match u8::arbitrary(script.u)? {
        0..20 => script.connect(edge)?,
        20..30 => script.dial(edge)?,
        30..60 => {
            let conn = script.link(edge)?;
            let hello = script.hello()?;
            edge.received(conn, hello);
        }
        60..150 => {
            let conn = script.link(edge)?;
            let message = script.message()?;
            edge.received(conn, message);
        }
        150..155 => edge.input(Input::UnknownKind(script.link(edge)?, 0x7f)),
        155..160 => script.closed(edge)?,
        160..190 => script.elapse(edge)?,
        190..210 => script.command(edge)?,
        210..225 => script.find(edge)?,
        225..235 => {
            let conn = script.link(edge)?;
            script.signed(edge, conn)?;
        }
        235..240 => edge.hold_store = !edge.hold_store,
        240..254 => edge.store_one(),
        _ => edge.input(Input::StoreFailed("no space".to_owned())),
    }
    Ok(())
}
