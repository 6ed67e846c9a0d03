//! Owns the unix datagram sockets in `<database>.wake/`: one per process that wants to be woken.
//! Must not know: who waits, or for what.

use std::{
    fs, io,
    net::Shutdown,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, FileTypeExt, MetadataExt},
        net::UnixDatagram,
    },
    path::{Path, PathBuf},
    process,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

/// A socket's whole path may have 107 bytes; this leaves room for the file name.
const LONGEST_FOLDER: usize = 70;
const ROOT: u32 = 0;
/// How long a listing of the folder is good for. Bounds how long a new process is not woken by hints.
const LISTING: Duration = Duration::from_millis(50);

/// Where the sockets of a database are.
#[derive(Clone)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// The user whose database it is; none while there is no file.
    owner: Option<u32>,
}

impl Folder {
    /// Beside the file, or in the folder for temporary files when that is too long.
    pub(super) fn of(database: &Path) -> Self {
        let whole = std::path::absolute(database).unwrap_or_else(|_| database.to_owned());
        let whole = whole.canonicalize().unwrap_or(whole);
        let owner = fs::metadata(&whole).ok().map(|file| file.uid());
        let mut beside = whole.clone().into_os_string();
        beside.push(".wake");
        if beside.len() <= LONGEST_FOLDER {
            let path = beside.into();
            return Self { path, owner };
        }
        let digest = Sha256::digest(whole.as_os_str().as_bytes());
        let key = u64::from_be_bytes(std::array::from_fn(|index| digest[index]));
        let path = std::env::temp_dir().join(format!("lockstep-{key:016x}.wake"));
        Self { path, owner }
    }

    /// Anybody may have put something at this path, where the folder above is everybody's: a link would lead the
    /// removal of dead sockets elsewhere, and in a stranger's folder sockets can be exchanged.
    fn is_private(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| {
            found.is_dir()
                && found.mode() & 0o022 == 0
                && (found.uid() == ROOT || Some(found.uid()) == self.owner)
        })
    }

    fn create(&self) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if self.is_private() {
            return Ok(());
        }
        let reason =
            "the folder for wake-ups is a link, writable by others, or not of the database's owner";
        Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
    }
}

/// This process's socket and the thread that reads it. Both end when it is dropped.
pub(super) struct Inbox {
    path: PathBuf,
    socket: UnixDatagram,
    thread: Option<JoinHandle<()>>,
}

const WAKE: &[u8] = b"w";
const STOP: &[u8] = b"stop";

impl Inbox {
    pub(super) fn bind(folder: &Folder, woken: impl Fn() + Send + 'static) -> io::Result<Self> {
        folder.create()?;
        let path = folder.path.join(format!(
            "{}-{:08x}.sock",
            process::id(),
            rand::random::<u32>()
        ));
        let socket = UnixDatagram::bind(&path)?;
        let receiver = socket.try_clone()?;
        let thread = thread::Builder::new()
            .name("lockstep-wake".to_owned())
            .spawn(move || {
                let mut datagram = [0; 8];
                // A blocking read: no cost while nothing comes.
                while let Ok(length) = receiver.recv(&mut datagram) {
                    // Nothing at all is what a closed socket gives.
                    if length == 0 || &datagram[..length] == STOP {
                        break;
                    }
                    woken();
                }
            })?;
        Ok(Self {
            path,
            socket,
            thread: Some(thread),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let stopped = self.socket.send_to(STOP, &self.path).map(|_| ());
        // Somebody removed the file: the thread would read for ever.
        let stopped = stopped.or_else(|_| self.socket.shutdown(Shutdown::Both));
        if stopped.is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

/// The other processes' sockets.
pub(super) struct Peers {
    folder: Folder,
    sender: Option<UnixDatagram>,
    listed: Option<Instant>,
    sockets: Vec<PathBuf>,
}

impl Peers {
    pub(super) fn new(folder: Folder) -> Self {
        Self {
            folder,
            sender: None,
            listed: None,
            sockets: Vec::new(),
        }
    }

    /// One datagram to each. A full buffer is fine: its reader is awake anyway.
    pub(super) fn notify(&mut self, own: Option<&Path>) {
        if self.listed.is_none_or(|listed| listed.elapsed() >= LISTING) {
            self.list();
        }
        let Some(sender) = &self.sender else { return };
        self.sockets.retain(|socket| {
            if own == Some(socket.as_path()) {
                return true;
            }
            match sender.send_to(WAKE, socket) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    let _ = fs::remove_file(socket);
                    false
                }
                Err(error) => error.kind() != io::ErrorKind::NotFound,
                Ok(_) => true,
            }
        });
    }

    fn list(&mut self) {
        self.listed = Some(Instant::now());
        // Sockets only: any other file refuses datagrams as a dead socket does, and would be removed for it.
        let is_socket = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_socket());
        self.sockets.clear();
        if !self.folder.is_private() {
            return;
        }
        self.sockets = fs::read_dir(&self.folder.path)
            .map(|entries| entries.flatten().filter(is_socket))
            .map(|sockets| sockets.map(|entry| entry.path()).collect())
            .unwrap_or_default();
        if self.sender.is_none() && !self.sockets.is_empty() {
            let unbound = UnixDatagram::unbound().and_then(|socket| {
                socket.set_nonblocking(true)?;
                Ok(socket)
            });
            self.sender = unbound.ok();
        }
    }
}
