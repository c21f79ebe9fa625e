//! The canonical encoding: the only file that names bincode.
//!
//! Little-endian, fixed-width integers, so that a value has exactly one encoding; every byte of the input
//! is consumed or the input is refused. Containers come from here too, because a count that a stranger
//! wrote is checked against its maximum before anything is allocated for it.
//!
//! Lives here: encode, decode, bounded containers, the derives. Not here: frames (`wire::frame`), and what
//! the values mean.

use core::fmt;
use core::ops::Deref;

pub use bincode::{Decode, Encode};

use bincode::config::{self, Configuration, Fixint, LittleEndian, NoLimit};
use bincode::de::read::Reader;
use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};

const CONFIG: Configuration<LittleEndian, Fixint, NoLimit> =
    config::standard().with_little_endian().with_fixed_int_encoding();

/// Most bytes reserved ahead of the bytes that fill them: what a lying count can make us allocate.
const RESERVE_BYTES: usize = 4096;

/// Marks a count over its maximum inside bincode's own error type.
const TOO_MANY: &str = "count over its maximum";

/// Why bytes are not the canonical encoding of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The input ended inside the value.
    #[error("the bytes end inside the value")]
    Truncated,
    /// The value ended before the input did.
    #[error("{0} bytes are left after the value")]
    TrailingBytes(usize),
    /// A count says more elements than the field may hold.
    #[error("a count is over its maximum")]
    TooMany,
    /// A tag, flag or text that no value has.
    #[error("a tag, a flag or a text is not one that exists")]
    NoSuchValue,
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::UnexpectedEnd { .. } => Error::Truncated,
            DecodeError::Other(TOO_MANY) => Error::TooMany,
            _ => Error::NoSuchValue,
        }
    }
}

/// The one encoding of `value`.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(value, &mut bytes);
    bytes
}

/// Appends the one encoding of `value` to `bytes`.
pub fn encode_into<T: Encode>(value: &T, bytes: &mut Vec<u8>) {
    struct Append<'a>(&'a mut Vec<u8>);
    impl Writer for Append<'_> {
        fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }
    #[allow(
        clippy::expect_used,
        reason = "a vector takes every byte, and our types have no failing encoder"
    )]
    bincode::encode_into_writer(value, Append(bytes), CONFIG).expect("encoding into memory cannot fail");
}

/// How many bytes [`encode`] would make of `value`.
pub fn encoded_len<T: Encode>(value: &T) -> usize {
    struct Count(usize);
    impl Writer for &mut Count {
        fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
            self.0 += bytes.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    #[allow(
        clippy::expect_used,
        reason = "counting takes every byte, and our types have no failing encoder"
    )]
    bincode::encode_into_writer(value, &mut count, CONFIG).expect("counting cannot fail");
    count.0
}

/// The value whose encoding is exactly `bytes`.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, Error> {
    let (value, used) = decode_first(bytes)?;
    match bytes.len() - used {
        0 => Ok(value),
        left => Err(Error::TrailingBytes(left)),
    }
}

/// The value whose encoding `bytes` begin with, and how long that is.
pub fn decode_first<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), Error> {
    Ok(bincode::decode_from_slice(bytes, CONFIG)?)
}

/// A count read from the input, refused above `max` before anything is allocated.
fn decode_count<D: Decoder>(decoder: &mut D, max: usize) -> Result<usize, DecodeError> {
    let count = u64::decode(decoder)?;
    match usize::try_from(count) {
        Ok(count) if count <= max => Ok(count),
        _ => Err(DecodeError::Other(TOO_MANY)),
    }
}

/// At most `max` raw bytes, after their count. Memory is for bytes that are there: all is decoded from memory.
fn decode_raw<D: Decoder>(decoder: &mut D, max: usize) -> Result<Vec<u8>, DecodeError> {
    let count = decode_count(decoder, max)?;
    let there = decoder.reader().peek_read(count).map(<[u8]>::to_vec);
    let bytes = there.ok_or(DecodeError::UnexpectedEnd { additional: count })?;
    decoder.reader().consume(count);
    Ok(bytes)
}

fn encode_raw<E: Encoder>(bytes: &[u8], encoder: &mut E) -> Result<(), EncodeError> {
    (bytes.len() as u64).encode(encoder)?;
    encoder.writer().write(bytes)
}

/// A list was longer than its type allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{actual} is over the limit of {max}")]
pub struct TooLong {
    /// What was offered: elements of a list, bytes of a text.
    pub actual: usize,
    /// What the type holds at most.
    pub max: usize,
}

/// A list of at most `MAX` elements. Encoded as a u64 count and the elements.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// The elements, as the vector they came from.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }

    /// The first `MAX` elements of `items`; what is beyond is dropped.
    pub fn clipped(items: impl IntoIterator<Item = T>) -> Self {
        List(items.into_iter().take(MAX).collect())
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<T, const MAX: usize> TryFrom<Vec<T>> for List<T, MAX> {
    type Error = TooLong;
    fn try_from(items: Vec<T>) -> Result<Self, TooLong> {
        if items.len() > MAX {
            return Err(TooLong { actual: items.len(), max: MAX });
        }
        Ok(List(items))
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: fmt::Debug, const MAX: usize> fmt::Debug for List<T, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Encode, const MAX: usize> Encode for List<T, MAX> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (self.0.len() as u64).encode(encoder)?;
        self.0.iter().try_for_each(|item| item.encode(encoder))
    }
}

impl<C, T: Decode<C>, const MAX: usize> Decode<C> for List<T, MAX> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        // A zero-size element would let a count cost time without bytes to pay for it.
        const { assert!(size_of::<T>() > 0) }
        let count = decode_count(decoder, MAX)?;
        let mut items = Vec::with_capacity(count.min(RESERVE_BYTES / size_of::<T>()));
        for _ in 0..count {
            items.push(T::decode(decoder)?);
        }
        Ok(List(items))
    }
}

impl<'de, C, T: Decode<C>, const MAX: usize> BorrowDecode<'de, C> for List<T, MAX> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

/// At most `MAX` bytes. Encoded as a u64 count and the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> TryFrom<Vec<u8>> for Blob<MAX> {
    type Error = TooLong;
    fn try_from(bytes: Vec<u8>) -> Result<Self, TooLong> {
        if bytes.len() > MAX {
            return Err(TooLong { actual: bytes.len(), max: MAX });
        }
        Ok(Blob(bytes))
    }
}

impl<const MAX: usize> Deref for Blob<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Blob<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl<const MAX: usize> Encode for Blob<MAX> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        encode_raw(&self.0, encoder)
    }
}

impl<C, const MAX: usize> Decode<C> for Blob<MAX> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        decode_raw(decoder, MAX).map(Blob)
    }
}

impl<'de, C, const MAX: usize> BorrowDecode<'de, C> for Blob<MAX> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

/// At most `MAX` bytes of UTF-8. Encoded as a u64 count of bytes and the bytes.
///
/// What a stranger wrote may hold control characters: `Display` shows them escaped, so that a log line or
/// a terminal cannot be forged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text as it was written, control characters included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `text`, cut at the last character boundary within `MAX` bytes.
    pub fn clipped(text: &str) -> Self {
        Text(text[..text.floor_char_boundary(MAX)].to_owned())
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = TooLong;
    fn try_from(text: String) -> Result<Self, TooLong> {
        if text.len() > MAX {
            return Err(TooLong { actual: text.len(), max: MAX });
        }
        Ok(Text(text))
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> Encode for Text<MAX> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        encode_raw(self.0.as_bytes(), encoder)
    }
}

impl<C, const MAX: usize> Decode<C> for Text<MAX> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let bytes = decode_raw(decoder, MAX)?;
        String::from_utf8(bytes).map(Text).map_err(|_| DecodeError::Other("text is not UTF-8"))
    }
}

impl<'de, C, const MAX: usize> BorrowDecode<'de, C> for Text<MAX> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

/// Encodes a type as the fixed array of bytes that it writes by hand (`to_bytes`, `from_bytes`), without a
/// count: the block header, whose layout is Bitcoin's and not this encoding's.
macro_rules! encode_by_hand {
    ($type:ty, $len:literal) => {
        impl bincode::Encode for $type {
            fn encode<E: bincode::enc::Encoder>(
                &self,
                encoder: &mut E,
            ) -> Result<(), bincode::error::EncodeError> {
                use bincode::enc::write::Writer;
                encoder.writer().write(&self.to_bytes())
            }
        }
        impl<C> bincode::Decode<C> for $type {
            fn decode<D: bincode::de::Decoder<Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                use bincode::de::read::Reader;
                let mut bytes = [0; $len];
                decoder.reader().read(&mut bytes)?;
                Ok(Self::from_bytes(&bytes))
            }
        }
        impl<'de, C> bincode::BorrowDecode<'de, C> for $type {
            fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                bincode::Decode::decode(decoder)
            }
        }
    };
}
pub(crate) use encode_by_hand;

#[cfg(test)]
mod tests {
    use super::*;

    type Few = List<u16, 3>;

    #[test]
    fn a_value_has_one_encoding() {
        assert_eq!(encode(&Few::clipped([1, 2])), [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0]);
        assert_eq!(encode(&Text::<8>::clipped("hé")), b"\x03\0\0\0\0\0\0\0h\xc3\xa9");
        assert_eq!(encoded_len(&Few::clipped([1, 2])), 12);
    }

    /// (bytes, what is wrong with them) for a list of at most three u16.
    /// Rows 8 and 22 of docs/hostile.md.
    #[test]
    fn lying_bytes_are_refused_for_what_they_are() {
        let rows: [(&[u8], Error); 6] = [
            (&[], Error::Truncated),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 7], Error::Truncated),
            (&[4, 0, 0, 0, 0, 0, 0, 0], Error::TooMany),
            (&[0, 0, 0, 0, 0, 0, 0, 0x10], Error::TooMany),
            (&[0xff; 8], Error::TooMany),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 9], Error::TrailingBytes(1)),
        ];
        for (bytes, error) in rows {
            assert_eq!(decode::<Few>(bytes), Err(error), "{bytes:x?}");
        }
        assert_eq!(decode::<Text<8>>(b"\x01\0\0\0\0\0\0\0\xff"), Err(Error::NoSuchValue));
        assert_eq!(decode::<Option<u8>>(&[2, 0]), Err(Error::NoSuchValue));
    }

    /// Row 22 of docs/hostile.md.
    #[test]
    fn a_text_cannot_forge_a_log_line() {
        let text = Text::<64>::clipped("a\nb\x1b[31m");
        assert_eq!(text.to_string(), "a\\nb\\u{1b}[31m");
        assert_eq!(Text::<2>::clipped("aé").as_str(), "a");
    }
}
