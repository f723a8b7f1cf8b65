//! The content of a `.zst` file: that of all its frames, one after another. Programs that compress
//! in several threads write many, and files of one frame each may be joined.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::FrameDecoderError::ReadFrameHeaderError;
use ruzstd::decoding::errors::ReadFrameHeaderError::SkipFrame;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Decompresses frames until the source ends. The decoder ends with the first one.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new() }
    }

    /// Skips a frame without content.
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
            let done = if !self.decoder.is_finished() {
                let some = BlockDecodingStrategy::UptoBytes(buffer.len());
                self.decoder.decode_blocks(&mut self.source, some).map(drop)
            } else if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            } else {
                self.decoder.init(&mut self.source)
            };
            match done {
                Err(ReadFrameHeaderError(SkipFrame { length, .. })) => {
                    self.skip(length as usize)?
                }
                done => done.map_err(io::Error::other)?,
            }
        }
        self.decoder.read(buffer)
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
