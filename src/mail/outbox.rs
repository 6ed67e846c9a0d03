//! Owns e-mail as files: one complete RFC 5322 message per `.eml` file, or none.
//! Must not know: what the messages say.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::MailError;

#[derive(Debug, Clone)]
pub(super) struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// Makes the folder, readable by its owner only, when it is missing.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Writes `<id>.eml`; a repeat of the same message replaces its file.
    pub(super) async fn write(&self, id: &str, message: Vec<u8>) -> Result<(), MailError> {
        let folder = self.folder.clone();
        let name = id.to_owned();
        tokio::task::spawn_blocking(move || write(&folder, &name, &message))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(MailError::Outbox)
    }
}

/// Under another name first, so that nobody ever reads half a message.
fn write(folder: &Path, id: &str, message: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!(".{id}.{:08x}", rand::random::<u32>()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| {
            file.write_all(message)?;
            file.sync_all()?;
            fs::rename(&unfinished, folder.join(format!("{id}.eml")))
        });
    if written.is_err() {
        // Best effort: the first error is what counts.
        let _ = fs::remove_file(&unfinished);
    }
    written?;
    File::open(folder)?.sync_all()
}
