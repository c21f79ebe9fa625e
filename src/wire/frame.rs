//! Frames: how messages stand in a stream of bytes.
//!
//! A frame is a length (u32, big-endian) of what follows, a kind byte, and a body. What a frame may weigh is
//! decided from its first five bytes, by the kind and by how far the connection has come, so a stranger
//! cannot make us wait for, or allocate, more than it could have any use for. This is a tokio-util codec and
//! does no I/O itself.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::limits::{FRAME_HEADER_BYTES, MAX_HANDSHAKE_FRAME_BYTES, MAX_UNKNOWN_FRAME_BYTES};
use crate::wire::{self, Kind, Message};

/// Bytes of the length.
const LENGTH_BYTES: usize = FRAME_HEADER_BYTES - 1;

/// How far ahead of what has arrived the buffer is made larger at a time, in bytes.
const RESERVE_BYTES: usize = 16 * 1024;

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// A kind that this version does not know, skipped.
    Unknown {
        /// Its byte.
        kind: u8,
        /// Bytes of kind and body.
        length: u32,
    },
}

/// Why no more frames can be read from a stream.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no frame.
    #[error("{0}")]
    Wire(#[from] wire::Error),
    /// The stream failed, or ended inside a frame.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Reads and writes frames.
#[derive(Debug, Default)]
pub struct FrameCodec {
    handshake_done: bool,
    /// Bytes of an unknown frame's body that are still to be skipped, and that frame.
    skipping: Option<(usize, Frame)>,
}

impl FrameCodec {
    /// A codec that takes small frames only, until the handshake is done.
    pub fn new() -> FrameCodec {
        FrameCodec::default()
    }

    /// From now on every kind may have its full size.
    pub fn handshake_done(&mut self) {
        self.handshake_done = true;
    }

    /// The most that a frame of `kind` may weigh now; of any kind, as long as that is not known.
    fn cap(&self, kind: Option<u8>) -> usize {
        if !self.handshake_done {
            return MAX_HANDSHAKE_FRAME_BYTES;
        }
        let cap = |byte| Kind::from_byte(byte).map_or(MAX_UNKNOWN_FRAME_BYTES, Kind::cap);
        kind.map_or_else(|| Kind::ALL.into_iter().map(Kind::cap).max().unwrap_or_default(), cap)
    }

    fn skip(&mut self, source: &mut BytesMut) -> Option<Frame> {
        let (left, frame) = self.skipping.take()?;
        let here = left.min(source.len());
        source.advance(here);
        if here == left {
            return Some(frame);
        }
        self.skipping = Some((left - here, frame));
        None
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = Error;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, Error> {
        if self.skipping.is_some() {
            return Ok(self.skip(source));
        }
        let Some(length) = source.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        if length == 0 {
            return Err(wire::Error::EmptyFrame.into());
        }
        let kind = source.get(LENGTH_BYTES).copied();
        let cap = self.cap(kind);
        if length as usize > cap {
            return Err(wire::Error::FrameTooLarge { length, cap: cap as u32 }.into());
        }
        let Some(byte) = kind else { return Ok(None) };
        let whole = LENGTH_BYTES + length as usize;
        let Some(kind) = Kind::from_byte(byte) else {
            source.advance(FRAME_HEADER_BYTES);
            self.skipping = Some((whole - FRAME_HEADER_BYTES, Frame::Unknown { kind: byte, length }));
            return Ok(self.skip(source));
        };
        if source.len() < whole {
            source.reserve((whole - source.len()).min(RESERVE_BYTES));
            return Ok(None);
        }
        let message = Message::decode_body(kind, &source[FRAME_HEADER_BYTES..whole])?;
        source.advance(whole);
        Ok(Some(Frame::Message(message)))
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, Error> {
        match self.decode(source)? {
            Some(frame) => Ok(Some(frame)),
            None if source.is_empty() && self.skipping.is_none() => Ok(None),
            None => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended inside a frame").into())
            }
        }
    }
}

impl Encoder<Message> for FrameCodec {
    type Error = Error;

    fn encode(&mut self, message: Message, bytes: &mut BytesMut) -> Result<(), Error> {
        bytes.put_slice(&encode(&message));
        Ok(())
    }
}

/// A whole frame, to be written to one connection or to many.
pub fn encode(message: &Message) -> Bytes {
    let mut frame = vec![0; LENGTH_BYTES];
    frame.push(message.kind() as u8);
    message.encode_body(&mut frame);
    finish(frame, message.kind())
}

/// The frame of a Block message around the encoding of a block, which is its body as it stands.
pub fn encode_block(block: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + block.len());
    frame.resize(LENGTH_BYTES, 0);
    frame.push(Kind::Block as u8);
    frame.extend_from_slice(block);
    finish(frame, Kind::Block)
}

fn finish(mut frame: Vec<u8>, kind: Kind) -> Bytes {
    let length = frame.len() - LENGTH_BYTES;
    debug_assert!(length <= kind.cap(), "a {kind} frame of {length} bytes is over its cap");
    frame[..LENGTH_BYTES].copy_from_slice(&(length as u32).to_be_bytes());
    frame.into()
}
