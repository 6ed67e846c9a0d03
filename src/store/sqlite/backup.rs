//! Owns a consistent copy of the file, taken while everything runs.
//! Must not know: tables.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use diesel::RunQueryDsl;

use super::{Sqlite, connection, statement};
use crate::store::StoreError;

impl Sqlite {
    /// Writes a checked copy to `target`, which must not exist. Nothing is left behind when it fails.
    pub(in crate::store) async fn backup(&self, target: PathBuf) -> Result<u64, StoreError> {
        let path = self.path().to_owned();
        super::blocking(move || {
            if target.exists() {
                return Err(StoreError::unusable(format!(
                    "{} exists: a backup overwrites nothing",
                    target.display()
                )));
            }
            let mut partial = target.clone().into_os_string();
            partial.push(".partial");
            let partial = PathBuf::from(partial);
            let copied = copy(&path, &partial, &target);
            if copied.is_err() {
                let _ = fs::remove_file(&partial);
            }
            copied
        })
        .await
    }

    /// What is not sound in the file, each a sentence. Reads all of it.
    pub(in crate::store) async fn findings(&self) -> Result<Vec<String>, StoreError> {
        let fault = self.read(connection::quick_check).await?;
        let sentence = |fault| format!("the database file is damaged: {fault}");
        Ok(fault.map(sentence).into_iter().collect())
    }
}

fn copy(path: &Path, partial: &Path, target: &Path) -> Result<u64, StoreError> {
    let file_error = |error: std::io::Error| StoreError::Unavailable {
        reason: "the backup cannot be written",
        source: Some(Box::new(error)),
    };
    let name = partial
        .to_str()
        .ok_or_else(|| StoreError::unusable("the backup's name must be UTF-8"))?;
    let _ = fs::remove_file(partial);
    let mut conn = connection::open_reader(path)?;
    // VACUUM INTO writes another file only, but `query_only` does not know that.
    statement("PRAGMA query_only = OFF").execute(&mut conn)?;
    statement("VACUUM INTO ?").text(name).execute(&mut conn)?;
    let mut copy = connection::open_reader(partial)?;
    super::files::refuse_unsound(&mut copy, partial)?;
    drop(copy);
    let file = File::open(partial).map_err(file_error)?;
    file.sync_all().map_err(file_error)?;
    fs::rename(partial, target).map_err(file_error)?;
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(file_error)?;
    Ok(file.metadata().map_err(file_error)?.len())
}
