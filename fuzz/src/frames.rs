//! A stream of bytes through the codec: however it is cut, it means the same, and it costs what it weighs.

use bytes::BytesMut;
use p2pnode::wire::frame::{self, Frame, FrameCodec};
use p2pnode::wire::{self, Error};
use tokio_util::codec::Decoder;

use super::memory;

/// When larger frames are taken.
#[derive(Clone, Copy)]
enum Phase {
    Never,
    Always,
    /// As a connection does.
    AfterTheFirst,
}

/// How a stream ended.
#[derive(Debug, PartialEq)]
enum End {
    Between,
    Inside,
    /// The cap that is named depends on whether the kind had come; that it is over does not.
    TooLarge(u32),
    Bad(Error),
}

/// The first byte says how many of the next give the lengths of pieces (four bits), and the phase (two).
pub fn target(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let phase = match first & 3 {
        0 => Phase::Never,
        1 => Phase::Always,
        _ => Phase::AfterTheFirst,
    };
    let Some((lengths, stream)) = rest.split_at_checked(usize::from(first >> 4)) else { return };
    memory::follows(stream.len(), 0, || {
        let whole = read(phase, stream, &[stream]);
        let pieces = cut(stream, lengths);
        assert_eq!(read(phase, stream, &pieces), whole, "cut at {lengths:?}");
    });
}

/// Pieces of these lengths, and what is left.
fn cut<'a>(mut stream: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths {
        let (piece, rest) = stream.split_at(stream.len().min(usize::from(*length)));
        pieces.push(piece);
        stream = rest;
    }
    pieces.push(stream);
    pieces
}

/// How many bytes of `stream` were whole frames, and how it ended. Each frame is what we would have written.
fn read(phase: Phase, stream: &[u8], pieces: &[&[u8]]) -> (usize, End) {
    let mut codec = FrameCodec::new();
    if matches!(phase, Phase::Always) {
        codec.handshake_done();
    }
    let mut buffer = BytesMut::new();
    let mut at = 0;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let before = buffer.len();
            match codec.decode(&mut buffer) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    let used = before - buffer.len();
                    check(&frame, &stream[at..at + used]);
                    at += used;
                }
                Err(error) => return (at, end(error)),
            }
            if matches!(phase, Phase::AfterTheFirst) {
                codec.handshake_done();
            }
        }
    }
    match codec.decode_eof(&mut buffer) {
        Ok(None) => (at, End::Between),
        Ok(Some(_)) => unreachable!("whole frames were taken"),
        Err(error) => (at, end(error)),
    }
}

fn check(read: &Frame, bytes: &[u8]) {
    match read {
        Frame::Message(message) => assert_eq!(frame::encode(message), bytes, "another encoding"),
        Frame::Unknown { length, .. } => assert_eq!(*length as usize + 4, bytes.len()),
    }
}

fn end(error: frame::Error) -> End {
    match error {
        frame::Error::Wire(wire::Error::FrameTooLarge { length, .. }) => End::TooLarge(length),
        frame::Error::Wire(error) => End::Bad(error),
        frame::Error::Io(_) => End::Inside,
    }
}
