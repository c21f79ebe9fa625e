//! The values: bytes to messages and back, a header's hash, Merkle roots; beside raw SHA-256 and raw copying.

#![allow(clippy::expect_used, reason = "a bench whose world is not as it must be ends")]

mod harness;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::BytesMut;
use harness::blocks::{Line, contents};
use harness::{Bench, Case, Figure, Unit, many, rate};
use p2pnode::chain::CheckedBlock;
use p2pnode::encoding;
use p2pnode::params::Params;
use p2pnode::types::{Block, Transaction, TxId, merkle};
use p2pnode::wire::frame::{self, FrameCodec};
use p2pnode::wire::message::Message;
use sha2::{Digest, Sha256};
use tokio_util::codec::Decoder;

const HASHES: Unit = Unit::PerSecond("hashes");
const BLOCKS: Unit = Unit::PerSecond("blocks");

fn main() -> ExitCode {
    harness::main("values", |bench| {
        bench.config("data directory", "none");
        bench.config("topology", "none: functions of bytes, on one core");
        bench.config("block size", "with a coinbase alone, and 1 MB: 1,900 contents of 500 bytes");
        bench.config("mining", "none");
        hashes(bench);
        codec(bench, "coinbase", 0);
        codec(bench, "1MB", 1900);
    })
}

/// A header's hash is two SHA-256, of three compressions; a Merkle node's, of four.
fn hashes(bench: &mut Bench) {
    let turn = bench.turn();
    let header = Params::mainnet().genesis().header;
    let bytes = header.to_bytes();
    let twice = |bytes: &[u8]| Sha256::digest(Sha256::digest(bytes));
    bench.group(vec![
        Case::new(Figure::new("sha2::twice/bytes=80", HASHES), || {
            rate(turn, || many(|| twice(black_box(&bytes))))
        }),
        Case::new(
            Figure::new("types::header_hash/bytes=80", HASHES)
                .beside("sha2::twice/bytes=80")
                .target_share(0.9),
            || rate(turn, || many(|| black_box(&header).hash())),
        ),
    ]);
    let ids: Vec<TxId> = contents(1, 2000, 8).iter().map(Transaction::id).collect();
    let pair = [7; 64];
    bench.group(vec![
        Case::new(Figure::new("sha2::twice/bytes=64", HASHES), || {
            rate(turn, || many(|| twice(black_box(&pair))))
        }),
        Case::new(
            // 1,000 + 500 + … nodes, some of them of an odd one.
            Figure::new("types::merkle_root/ids=2000", HASHES)
                .beside("sha2::twice/bytes=64")
                .target_share(0.8),
            || {
                rate(turn, || {
                    black_box(merkle::root(black_box(&ids)));
                    2003
                })
            },
        ),
    ]);
}

/// A block to bytes, from bytes, out of a frame, and checked; beside what cannot be less: hashing its bytes.
fn codec(bench: &mut Bench, size: &str, count: usize) {
    let turn = bench.turn();
    let params = Params::regtest();
    let block: Block = Line::new(&params).with_contents(count, 500).next().expect("a block");
    let bytes = encoding::encode(&block);
    let whole = [&frame::before_block(&bytes)[..], &bytes].concat();
    let (copy, hash) = (format!("memory::copy/block={size}"), format!("sha2::ids/block={size}"));
    let message = Message::Block(Arc::new(block.clone()));
    let mut codec = FrameCodec::new();
    codec.handshake_done();
    let encoded: Vec<Vec<u8>> = block.transactions.iter().map(encoding::encode).collect();
    bench.group(vec![
        Case::new(Figure::new(copy.as_str(), BLOCKS), || {
            rate(turn, || {
                black_box(black_box(&bytes).to_vec());
                1
            })
        }),
        Case::new(
            Figure::new(format!("encoding::encode/block={size}"), BLOCKS).beside(copy.as_str()),
            || {
                rate(turn, || {
                    black_box(encoding::encode(black_box(&block)));
                    1
                })
            },
        ),
        Case::new(
            Figure::new(format!("encoding::decode/block={size}"), BLOCKS).beside(copy.as_str()),
            || {
                rate(turn, || {
                    black_box(encoding::decode::<Block>(black_box(&bytes)).expect("a block"));
                    1
                })
            },
        ),
        Case::new(Figure::new(format!("wire::encode/block={size}"), BLOCKS).beside(copy.as_str()), || {
            rate(turn, || {
                black_box(frame::encode(black_box(&message)));
                1
            })
        }),
        Case::new(Figure::new(format!("wire::decode/block={size}"), BLOCKS).beside(copy.as_str()), || {
            let mut source = BytesMut::with_capacity(2 * whole.len());
            rate(turn, || {
                source.extend_from_slice(&whole);
                black_box(codec.decode(&mut source).expect("a frame"));
                1
            })
        }),
        Case::new(Figure::new(hash.as_str(), BLOCKS), || {
            rate(turn, || {
                encoded.iter().for_each(|bytes| {
                    black_box(Sha256::digest(bytes));
                });
                1
            })
        }),
        Case::new(Figure::new(format!("chain::check/block={size}"), BLOCKS).beside(hash.as_str()), || {
            let block = Arc::new(block.clone());
            rate(turn, || {
                black_box(CheckedBlock::check(block.clone(), &params).expect("good"));
                1
            })
        }),
    ]);
}
