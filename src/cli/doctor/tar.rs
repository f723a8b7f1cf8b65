//! A tar archive (ustar) of text files.

/// The block size of a tar archive.
const BLOCK: usize = 512;

/// Appends a file. The name is ASCII, at most 99 bytes long.
pub(super) fn append(archive: &mut Vec<u8>, name: &str, text: &[u8], changed_s: u64) {
    archive.extend(header(name, text.len(), changed_s));
    archive.extend(text);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

/// Ends an archive.
pub(super) fn finish(archive: &mut Vec<u8>) {
    archive.extend([0; 2 * BLOCK]);
}

fn header(name: &str, bytes: usize, changed_s: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    // Only the owner may read the unpacked file.
    put(100, "0000600\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{bytes:011o}\0"));
    put(136, &format!("{changed_s:011o}\0"));
    // The checksum is computed with blanks in its field.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
