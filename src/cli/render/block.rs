//! Blocks one by one: the chain as a table, and one block with its way over the network.

use core::time::Duration;

use crate::cli::names;
use crate::cli::render::{Align, Style, Table, ago, bytes, count, safe, short, span};
use crate::manager::view::{BlockReport, Branch, TreeBlock};

/// Characters of a content that a row shows.
const TEXT: usize = 40;

/// Who mined a block.
fn miner(block: &TreeBlock) -> String {
    block.miner.map_or(String::new(), names::letters)
}

/// The best chain, newest first: `networkmngr chain`.
pub(in crate::cli) fn chain(blocks: &[TreeBlock], now: f64, style: Style) -> String {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("height", Right),
        ("hash", Left),
        ("miner", Left),
        ("seen", Left),
        ("contents", Right),
        ("size", Right),
        ("text", Left),
    ]);
    for block in blocks {
        let contents = block.transactions.saturating_sub(1);
        let is_genesis = block.height == 0;
        table.row([
            block.height.to_string().into(),
            short(&block.hash).into(),
            miner(block).into(),
            if is_genesis { "genesis".to_owned() } else { ago(block.seen, now) }.into(),
            if contents > 0 { contents.to_string() } else { String::new() }.into(),
            bytes(u64::from(block.bytes)).into(),
            block.text.as_deref().map_or(String::new(), |text| safe(text, TEXT)).into(),
        ]);
    }
    table.text(style)
}

/// A block, and who had it when: `networkmngr block`.
pub(in crate::cli) fn block(report: &BlockReport, now: f64, style: Style) -> String {
    let block = &report.block;
    // The zeros are the proof of work: they are what was searched for.
    let zeros = block.hash.len() - block.hash.trim_start_matches('0').len();
    let (zeros, rest) = block.hash.split_at(zeros);
    let branch = match block.branch {
        Branch::Best => style.good("on the best chain"),
        Branch::Side => style.warn("on a side branch"),
        Branch::Unknown => style.dim("below what the manager knows of the best chain"),
        Branch::Refused => style.bad("refused"),
    };
    let mut rows = vec![
        ("block", format!("{}{rest}", style.bold(zeros))),
        ("previous", block.previous.clone()),
        ("height", format!("{}, {branch}", block.height)),
        ("bits", block.bits.clone()),
        ("work", format!("{} in its chain", block.work)),
        ("size", format!("{}, {}", bytes(u64::from(block.bytes)), count(block.transactions, "transaction"))),
    ];
    if let Some(miner) = block.miner {
        rows.push(("mined by", names::letters(miner)));
    }
    if block.height > 0 {
        rows.push(("seen", ago(block.seen, now)));
    }
    if let Some(text) = &block.text {
        rows.push(("text", safe(text, 200)));
    }
    if let Some(why) = &block.refused {
        rows.push(("refused", style.bad(&safe(why, 400))));
    }
    if !block.tip_of.is_empty() {
        rows.push(("tip of", names::several(&block.tip_of)));
    }
    let mut text: String = rows.iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect();
    if !report.arrivals.is_empty() {
        let mut table = Table::new([
            ("node", Align::Left),
            ("after", Align::Right),
            ("from", Align::Left),
            ("how", Align::Left),
        ]);
        for arrival in &report.arrivals {
            let after = Duration::try_from_secs_f64(arrival.after_ms / 1000.0).unwrap_or_default();
            table.row([
                names::letters(arrival.node).into(),
                span(after).into(),
                arrival.from.map_or(String::new(), names::letters).into(),
                arrival.origin.clone().into(),
            ]);
        }
        text += &format!("\n{}", table.text(style));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::tree::testing::block as made;
    use crate::manager::view::Arrival;

    #[test]
    fn a_block_is_told_with_its_way() {
        let mut block = made(1, 9, 4, Branch::Side, &[0, 1]);
        block.text = Some("hello".to_owned());
        let arrival = |node, after_ms, from, origin: &str| Arrival {
            node,
            time: 100.0,
            after_ms,
            from,
            origin: origin.to_owned(),
        };
        let report = BlockReport {
            block,
            arrivals: vec![arrival(1, 0.0, None, "mined"), arrival(0, 51.2, Some(1), "pushed")],
        };
        let text = super::block(&report, 160.0, Style::new(false));
        assert!(text.starts_with("block      0000100000"), "{text}");
        assert!(text.contains("height     4, on a side branch\n"), "{text}");
        assert!(
            text.ends_with(
                "tip of     A B\n\nnode   after  from  how\nB     0.0 ms        mined\nA      51 ms  B     pushed\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_chain_is_a_row_a_block() {
        let mut block = made(1, 9, 4, Branch::Best, &[]);
        (block.text, block.transactions) = (Some("hello".to_owned()), 2);
        let text = chain(&[block, made(9, 0, 0, Branch::Best, &[])], 160.0, Style::new(false));
        assert_eq!(
            text,
            "height  hash       miner  seen      contents   size  text\n     \
                  4  10000000…  B      60 s ago         1  192 B  hello\n     \
                  0  90000000…  B      genesis             192 B\n"
        );
    }
}
