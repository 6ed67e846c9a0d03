//! Owns the folder in which the bench keeps its files: made in one that exists, checked for space, gone afterwards.
//! Must not know: what is in the files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{BenchError, Plan};
use crate::store::bench::file_system;

/// A folder of its own. Gone with what is in it when dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    file_system: Option<String>,
}

impl Folder {
    /// Within `parent`, which must exist and have space for what is planned.
    pub fn new(parent: &Path, plan: &Plan) -> Result<Self, BenchError> {
        let shown = parent.display();
        let cannot = |what: String| Err(BenchError::CannotRun(what));
        if !parent.is_dir() {
            return cannot(format!("cannot bench in {shown}: there is no such folder"));
        }
        let free = match rustix::fs::statvfs(parent) {
            Ok(system) => system.f_bavail.saturating_mul(system.f_frsize),
            Err(error) => return cannot(format!("cannot bench in {shown}: {error}")),
        };
        if let Some(lacking) = lacking(free, plan.space()) {
            return cannot(format!("cannot bench in {shown}: {lacking}"));
        }
        let path = parent.join(format!(
            "lockstep-bench-{}-{:08x}",
            std::process::id(),
            rand::random::<u32>()
        ));
        if let Err(error) = fs::create_dir(&path) {
            return cannot(format!("cannot bench in {shown}: {error}"));
        }
        let file_system = file_system(&path);
        Ok(Self { path, file_system })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The kind, such as `ext4`.
    pub(super) fn file_system(&self) -> Option<String> {
        self.file_system.clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing to be done about it here; its name says what it is.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Why the space does not do, if it does not.
fn lacking(free: u64, needed: u64) -> Option<String> {
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    (free < needed).then(|| {
        format!(
            "{} MB may be needed on its disk and {} MB are free; ask for fewer rows or name another folder with --dir",
            mb(needed),
            free >> 20
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_space_is_a_reason() {
        assert_eq!(lacking(10, 10), None);
        let reason = lacking(3 << 20, 5 << 20).unwrap();
        assert!(reason.starts_with("5 MB may be needed") && reason.contains("3 MB are free"));
    }
}
