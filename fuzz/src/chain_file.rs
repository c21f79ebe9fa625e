//! A chain file: it is refused, or it is what would be written of what was read.

use p2pnode::encoding;
use p2pnode::limits::MAX_BLOCK_BYTES;
use p2pnode::params::Params;
use p2pnode::store::chain_file::{BadFile, Reader, Writer};

use super::memory;

/// The first byte says whether the rest is a file, or pieces to be put into one with a checksum that is
/// right, which no fuzzer would find.
pub fn target(data: &[u8]) {
    match data.split_first() {
        Some((0, file)) => read(file),
        Some((_, pieces)) => read(&write(pieces)),
        None => {}
    }
}

/// Pieces of up to 255 bytes, each behind its length.
fn write(mut pieces: &[u8]) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), Params::regtest().rules()).expect("memory takes it");
    while let Some((length, rest)) = pieces.split_first() {
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        writer.block(piece).expect("memory takes it");
        pieces = rest;
    }
    writer.end().expect("memory takes it")
}

fn read(file: &[u8]) {
    // A block is read into one piece of memory, which may be as large as the largest.
    memory::follows(file.len(), MAX_BLOCK_BYTES, || {
        if let Ok(again) = written_again(file) {
            assert_eq!(again, file, "another encoding");
        }
    });
}

fn written_again(file: &[u8]) -> Result<Vec<u8>, BadFile> {
    let mut reader = Reader::begin(file)?;
    let mut writer = Writer::begin(Vec::new(), reader.params().rules())?;
    while let Some(block) = reader.block()? {
        writer.block(&encoding::encode(&block))?;
        assert!(reader.bytes() <= file.len() as u64);
    }
    Ok(writer.end()?)
}
