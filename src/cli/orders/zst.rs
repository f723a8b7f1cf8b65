//! The content of a `.zst` file: that of all its frames, one after another. Programs that compress
//! in several threads write many, and files of one frame each may be joined.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::FrameDecoderError::ReadFrameHeaderError;
use ruzstd::decoding::errors::ReadFrameHeaderError::SkipFrame;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use xxhash_rust::xxh64::Xxh64;

/// Decompresses frames until the source ends. The decoder ends with the first one.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Over the content of the frame, as far as it is read. The decoder reads the checksum, and has
    /// nothing to compare it with.
    hasher: Xxh64,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), hasher: Xxh64::new(0) }
    }

    /// Checks the content of a frame against its checksum, a half of the hash, if it has one.
    fn check(&self) -> io::Result<()> {
        match self.decoder.get_checksum_from_data() {
            Some(checksum) if checksum != self.hasher.digest() as u32 => {
                Err(io::Error::other("the content does not match its checksum"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Begins the next frame, or skips one without content.
    fn begin(&mut self) -> io::Result<()> {
        match self.decoder.init(&mut self.source) {
            Err(ReadFrameHeaderError(SkipFrame { length, .. })) => self.skip(length as usize),
            begun => {
                self.hasher.reset(0);
                begun.map_err(io::Error::other)
            }
        }
    }

    fn skip(&mut self, mut left: usize) -> io::Result<()> {
        while left > 0 {
            let step = self.source.fill_buf()?.len().min(left);
            if step == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.source.consume(step);
            left -= step;
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if !self.decoder.is_finished() {
                let some = BlockDecodingStrategy::UptoBytes(buffer.len());
                self.decoder.decode_blocks(&mut self.source, some).map_err(io::Error::other)?;
                continue;
            }
            self.check()?;
            if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.begin()?;
        }
        let count = self.decoder.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// A frame without content, as `pzstd` writes before each of its others.
    const SKIPPABLE: &[u8] = b"\x50\x2a\x4d\x18\x04\0\0\0abcd";

    fn frame(text: &str) -> Vec<u8> {
        compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
    }

    fn read(file: &[u8]) -> io::Result<String> {
        io::read_to_string(Frames::new(file))
    }

    #[test]
    fn all_frames_of_a_file_are_read() {
        let long = "536365,85123A,6\n".repeat(100_000);
        let file = [SKIPPABLE, &frame("a"), &frame(""), &frame(&long), SKIPPABLE, &frame("z")];
        assert_eq!(read(&file.concat()).unwrap(), format!("a{long}z"));
        assert_eq!(read(b"").unwrap(), "");
    }

    /// The decoder does not notice what has become of a literal.
    #[test]
    fn content_that_does_not_match_its_checksum_is_an_error() {
        let content = b"536365,85123A,6\n";
        let length = u8::try_from(content.len()).unwrap();
        // With its size, and a checksum; one raw block, which is the last one.
        let head = [0x28, 0xb5, 0x2f, 0xfd, 0x24, length, length << 3 | 1, 0, 0];
        let checksum = (xxhash_rust::xxh64::xxh64(content, 0) as u32).to_le_bytes();
        let file = [&head[..], content, &checksum, &frame("z")].concat();
        assert_eq!(read(&file).unwrap(), "536365,85123A,6\nz");
        for place in head.len()..head.len() + content.len() + checksum.len() {
            let mut flipped = file.clone();
            flipped[place] ^= 1;
            let error = read(&flipped).unwrap_err().to_string();
            assert!(error.contains("checksum"), "{place}: {error}");
        }
    }

    #[test]
    fn a_file_that_breaks_off_or_goes_on_as_something_else_is_an_error() {
        let file = [&frame("a"), SKIPPABLE, &frame("b")].concat();
        let whole = [frame("a").len(), frame("a").len() + SKIPPABLE.len(), file.len()];
        for end in 1..=file.len() {
            assert_eq!(read(&file[..end]).is_ok(), whole.contains(&end), "{end}");
        }
        assert!(read(&[&frame("a"), &b"\nb,c\n"[..]].concat()).is_err());
    }
}
