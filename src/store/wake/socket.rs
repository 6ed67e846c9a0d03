//! Owns the unix datagram sockets in `<database>.wake/`: one per process that wants to be woken.
//! Must not know: who waits, or for what.

use std::{
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, FileTypeExt},
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
/// How long a listing of the folder is good for. Bounds how long a new process is not woken by hints.
const LISTING: Duration = Duration::from_millis(50);

/// Where the sockets of a database are. Beside the file, or in a private folder of this user's when that is too long.
pub(super) fn folder(database: &Path) -> PathBuf {
    let whole = std::path::absolute(database).unwrap_or_else(|_| database.to_owned());
    let whole = whole.canonicalize().unwrap_or(whole);
    let mut beside = whole.clone().into_os_string();
    beside.push(".wake");
    if beside.len() <= LONGEST_FOLDER {
        return beside.into();
    }
    let digest = Sha256::digest(whole.as_os_str().as_bytes());
    let key = u64::from_be_bytes(std::array::from_fn(|index| digest[index]));
    std::env::temp_dir().join(format!("lockstep-{key:016x}.wake"))
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
    pub(super) fn bind(folder: &Path, woken: impl Fn() + Send + 'static) -> io::Result<Self> {
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let path = folder.join(format!(
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
                    if &datagram[..length] == STOP {
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
        if self.socket.send_to(STOP, &self.path).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

/// The other processes' sockets.
pub(super) struct Peers {
    folder: PathBuf,
    sender: Option<UnixDatagram>,
    listed: Option<Instant>,
    sockets: Vec<PathBuf>,
}

impl Peers {
    pub(super) fn new(folder: PathBuf) -> Self {
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
        self.sockets = fs::read_dir(&self.folder)
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
