//! Histories on disk while they are made: files of bounded size, each a row of zstd frames with check sums.
//!
//! A frame is a whole number of lines, so whatever ends the writer (SIGKILL, a full disk), all frames before the last one
//! are whole, and so is the history up to there: operations that were under way are open. The files of a history are called
//! `NAME.000001.jsonl.zst` and so on. This knows nothing of the lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

/// The size from which on the next frame begins a new file, in bytes as they are on disk.
pub const SEGMENT_BYTES: u64 = 8 << 20;
/// The end of every segment's name.
pub const SUFFIX: &str = ".jsonl.zst";
/// zstd's own default: a history shrinks to about a tenth at some hundred MB a second.
const LEVEL: i32 = 3;
/// Digits of a segment's number.
const DIGITS: usize = 6;
/// Frames ask for no more memory than this to be read, as a power of two: what writes them needs far less.
const WINDOW_LOG_MAX: u32 = 23;
/// The most lines that are written or read as one frame, in bytes.
pub const FRAME_BYTES_MAX: u64 = 4 << 20;

/// Writes a history, file after file.
#[derive(Debug)]
pub struct SegmentWriter {
    folder: PathBuf,
    name: String,
    number: u32,
    file: File,
    written: u64,
    most: u64,
}

/// Reads the files of a history one after the other, up to the end or to the first frame that is not whole: what is behind
/// that was never known to be written.
pub struct Segments {
    folder: PathBuf,
    name: String,
    number: u32,
    open: Option<BufReader<File>>,
    /// One frame, and how much of it was read.
    frame: Vec<u8>,
    given: usize,
    lines: u64,
    torn: Option<String>,
}

// === impl SegmentWriter ===

impl SegmentWriter {
    /// Begins a history in a folder, which is made.
    ///
    /// # Errors
    /// When the folder or the first file cannot be made; one of that name must not exist.
    pub fn create(folder: &Path, name: &str) -> io::Result<Self> {
        Self::with_most(folder, name, SEGMENT_BYTES)
    }

    fn with_most(folder: &Path, name: &str, most: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = begin(folder, name, 1)?;
        Ok(Self { folder: folder.to_owned(), name: name.to_owned(), number: 1, file, written: 0, most })
    }

    /// Writes whole lines as one frame.
    ///
    /// # Errors
    /// When they are more than [`FRAME_BYTES_MAX`], or when the disk does not take them. Nothing may be written after that:
    /// the frame may be there in part.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.len() as u64 > FRAME_BYTES_MAX {
            let what = format!("expected at most {FRAME_BYTES_MAX} bytes at once, found {}", lines.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        if lines.is_empty() {
            return Ok(());
        }
        if self.written >= self.most {
            self.file.sync_data()?;
            self.file = begin(&self.folder, &self.name, self.number + 1)?;
            (self.number, self.written) = (self.number + 1, 0);
        }
        let mut encoder = Encoder::new(Vec::new(), LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.write_all(lines)?;
        let frame = encoder.finish()?;
        self.file.write_all(&frame)?;
        self.written += frame.len() as u64;
        Ok(())
    }

    /// Makes sure that all is on disk.
    ///
    /// # Errors
    /// When the disk says that it is not.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn begin(folder: &Path, name: &str, number: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path(folder, name, number))
}

fn path(folder: &Path, name: &str, number: u32) -> PathBuf {
    folder.join(format!("{name}.{number:0DIGITS$}{SUFFIX}"))
}

// === impl Segments ===

impl Segments {
    /// Opens the history of that name in a folder.
    ///
    /// # Errors
    /// When its first file cannot be opened.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        Self::from(folder, name, 1)
    }

    /// Opens a history by one of its files, from that one on. `None`: the path is not that of a segment.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open_path(path: &Path) -> Option<io::Result<Self>> {
        let stem = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
        let (name, number) = stem.rsplit_once('.')?;
        let is_number = number.len() == DIGITS && number.bytes().all(|it| it.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_number)?;
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(Self::from(folder, name, number))
    }

    fn from(folder: &Path, name: &str, number: u32) -> io::Result<Self> {
        let open = Some(BufReader::new(File::open(path(folder, name, number))?));
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Ok(Self { folder, name, number, open, frame: Vec::new(), given: 0, lines: 0, torn: None })
    }

    /// Why the history ends where it does, if it was cut; known once all is read.
    #[must_use]
    pub fn torn(&self) -> Option<&str> {
        self.torn.as_deref()
    }

    /// How many lines have come.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Reads the next frame, of this file or of the next one.
    fn fill(&mut self) -> io::Result<()> {
        self.frame.clear();
        self.given = 0;
        while let Some(file) = &mut self.open {
            if file.fill_buf()?.is_empty() {
                self.next_file()?;
                continue;
            }
            match frame(file, &mut self.frame) {
                Ok(()) if self.frame.ends_with(b"\n") => {
                    self.lines += self.frame.iter().filter(|byte| **byte == b'\n').count() as u64;
                    return Ok(());
                }
                // Nobody writes an empty one; the first bytes of a frame look like it.
                Ok(()) => self.tear("a frame that does not end with a line"),
                Err(error) => self.tear(&error.to_string()),
            }
        }
        Ok(())
    }

    fn next_file(&mut self) -> io::Result<()> {
        match File::open(path(&self.folder, &self.name, self.number + 1)) {
            Ok(file) => (self.open, self.number) = (Some(BufReader::new(file)), self.number + 1),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.open = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn tear(&mut self, what: &str) {
        let file = path(Path::new(""), &self.name, self.number);
        self.torn = Some(format!("it is whole only up to a place in {}: {what}", file.display()));
        self.open = None;
        self.frame.clear();
    }
}

/// Reads one frame whole: its check sum is behind its bytes, and none is believed before.
fn frame(file: &mut BufReader<File>, out: &mut Vec<u8>) -> io::Result<()> {
    let mut decoder = Decoder::with_buffer(file)?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    let read = decoder.take(FRAME_BYTES_MAX + 1).read_to_end(out)?;
    if read as u64 > FRAME_BYTES_MAX {
        return Err(io::Error::other("a frame that is larger than any that is written"));
    }
    Ok(())
}

impl Read for Segments {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Segments {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.given >= self.frame.len() {
            self.fill()?;
        }
        Ok(&self.frame[self.given..])
    }

    fn consume(&mut self, count: usize) {
        self.given = (self.given + count).min(self.frame.len());
    }
}

impl std::fmt::Debug for Segments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segments")
            .field("name", &self.name)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixty blocks of lines, of which a segment of 200 bytes takes a few.
    fn blocks() -> Vec<String> {
        (0..60)
            .map(|block| (0..9).map(|line| format!("{{\"block\":{block},\"line\":{line}}}\n")).collect())
            .collect()
    }

    fn written(folder: &Path) -> String {
        let mut writer = SegmentWriter::with_most(folder, "of.a", 200).unwrap();
        let blocks = blocks();
        blocks.iter().for_each(|block| writer.append(block.as_bytes()).unwrap());
        writer.finish().unwrap();
        blocks.concat()
    }

    fn read(folder: &Path) -> (String, bool) {
        let mut segments = Segments::open(folder, "of.a").unwrap();
        let mut text = String::new();
        segments.read_to_string(&mut text).unwrap();
        (text, segments.torn().is_some())
    }

    #[test]
    fn what_is_written_over_many_files_is_read_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let all = written(folder.path());
        assert!(fs::read_dir(folder.path()).unwrap().count() > 5);
        assert_eq!(read(folder.path()), (all.clone(), false));
        let by_path = |name: &str| Segments::open_path(&folder.path().join(name)).map(|it| it.is_ok());
        assert_eq!(by_path("of.a.000002.jsonl.zst"), Some(true));
        assert_eq!(by_path("of.a.999999.jsonl.zst"), Some(false));
        assert_eq!((by_path("of.a.jsonl.zst"), by_path("of.a.000001.jsonl")), (None, None));
        assert!(SegmentWriter::create(folder.path(), "of.a").is_err(), "a history is never written over");
    }

    #[test]
    fn every_beginning_of_a_file_is_a_history_of_whole_frames() {
        let folder = tempfile::tempdir().unwrap();
        let all = written(folder.path());
        let second = folder.path().join("of.a.000002.jsonl.zst");
        let third = folder.path().join("of.a.000003.jsonl.zst");
        fs::remove_file(third).unwrap();
        let whole = fs::read(&second).unwrap();
        let (longest, torn) = read(folder.path());
        assert!(!torn && all.starts_with(&longest) && longest.len() < all.len());
        let mut between = std::collections::BTreeSet::from([longest.len()]);
        for length in (0..whole.len()).rev() {
            fs::write(&second, &whole[..length]).unwrap();
            let (text, torn) = read(folder.path());
            assert!(longest.starts_with(&text) && text.ends_with('\n'), "{length}");
            assert!(
                torn || between.insert(text.len()),
                "{length}: what is not told is a cut between two frames"
            );
        }
        assert!(between.len() > 2, "{between:?}");
    }

    #[test]
    fn a_flipped_bit_ends_the_history_before_it_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let all = written(folder.path());
        let second = folder.path().join("of.a.000002.jsonl.zst");
        let whole = fs::read(&second).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&second, damaged).unwrap();
            let (text, torn) = read(folder.path());
            // One bit of a frame's head means nothing.
            assert!((torn || text == all) && all.starts_with(&text), "byte {at}");
        }
    }
}
