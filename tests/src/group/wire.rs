//! Kafka's binary form, as far as the records of a group need it.

use anyhow::{Context, Result, ensure};

/// A reader of Kafka's binary form.
pub(super) struct Wire<'a> {
    left: &'a [u8],
    /// Whether texts, bytes and lists carry their length in the "compact" form.
    flexible: bool,
}

impl<'a> Wire<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes, flexible: false }
    }

    /// The version that a stored value starts with; from version 4 on its lengths are compact.
    pub(super) fn version(&mut self) -> Result<i16> {
        let version = self.i16()?;
        ensure!((0..=4).contains(&version), "unknown version {version} of a stored record");
        self.flexible = version >= 4;
        Ok(version)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.left.split_first_chunk::<N>().context("a stored record is too short")?;
        self.left = rest;
        Ok(*head)
    }

    pub(super) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take()?))
    }

    /// A text; none is empty.
    pub(super) fn text(&mut self) -> Result<&'a str> {
        let length = if self.flexible { self.compact()? } else { length(self.i16()?.into())? };
        Ok(std::str::from_utf8(self.slice(length)?)?)
    }

    /// Bytes; none is empty.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.count()?;
        self.slice(length)
    }

    /// How many elements a list has.
    pub(super) fn count(&mut self) -> Result<usize> {
        if self.flexible { self.compact() } else { length(self.i32()?) }
    }

    /// Skips the tagged fields that end a structure in the compact form.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.flexible {
            for _ in 0..self.varint()? {
                self.varint()?;
                let length = self.varint()?;
                self.slice(length)?;
            }
        }
        Ok(())
    }

    /// A compact length: one more than it says, so that zero means none.
    fn compact(&mut self) -> Result<usize> {
        Ok(self.varint()?.saturating_sub(1))
    }

    fn varint(&mut self) -> Result<usize> {
        let (mut value, mut shift) = (0usize, 0);
        loop {
            let [byte] = self.take()?;
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            ensure!(shift < 32, "a length in a stored record is too long");
        }
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8]> {
        ensure!(self.left.len() >= length, "a stored record is too short");
        let (head, rest) = self.left.split_at(length);
        self.left = rest;
        Ok(head)
    }
}

/// A length of the plain form, where -1 means none.
fn length(length: i32) -> Result<usize> {
    Ok(usize::try_from(length.max(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_compact_lengths_read_the_same() {
        let mut plain = Wire::new(&[0, 3, 0, 2, b'a', b'b', 0xff, 0xff, 0, 0, 0, 1, 7]);
        assert_eq!((plain.version().unwrap(), plain.text().unwrap()), (3, "ab"));
        assert_eq!((plain.text().unwrap(), plain.bytes().unwrap()), ("", &[7][..]));
        let mut compact = Wire::new(&[0, 4, 3, b'a', b'b', 0, 2, 7, 1, 5, 2, 9, 9]);
        assert_eq!((compact.version().unwrap(), compact.text().unwrap()), (4, "ab"));
        assert_eq!((compact.text().unwrap(), compact.bytes().unwrap()), ("", &[7][..]));
        compact.end().unwrap();
        assert!(compact.i16().is_err(), "the tagged field was skipped");
    }

    #[test]
    fn a_record_that_is_cut_off_is_an_error() {
        assert!(Wire::new(&[0, 3, 0, 9, b'a']).version().is_ok());
        let mut wire = Wire::new(&[0, 9, b'a']);
        assert!(wire.text().is_err());
        assert!(Wire::new(&[0, 99]).version().is_err());
    }
}
