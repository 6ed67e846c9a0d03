//! Owns a file that is there whole or not at all, with its size and digest.
//! Must not know: what is written into it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// A file under a name of its own, which goes away unless it is finished.
pub(super) struct WholeFile {
    file: BufWriter<File>,
    unfinished: Unfinished,
    target: PathBuf,
    digest: Sha256,
    bytes: u64,
}

/// A file that has its name and is on disk.
pub(super) struct Finished {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// In hexadecimal.
    pub(super) sha256: String,
}

struct Unfinished(PathBuf);

impl WholeFile {
    pub(super) fn create(target: PathBuf) -> io::Result<Self> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:08x}.unfinished", rand::random::<u32>()));
        let path = target.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 16, file),
            unfinished: Unfinished(path),
            target,
            digest: Sha256::new(),
            bytes: 0,
        })
    }

    /// Content to disk, then the name, then the name to disk.
    pub(super) fn finish(self) -> io::Result<Finished> {
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&self.unfinished.0, &self.target)?;
        let folder = self.target.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        let name = self.target.file_name().unwrap_or_default();
        Ok(Finished {
            name: name.to_string_lossy().into_owned(),
            bytes: self.bytes,
            sha256: self
                .digest
                .finalize()
                .iter()
                .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")),
        })
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already when it was finished.
        let _ = fs::remove_file(&self.0);
    }
}
