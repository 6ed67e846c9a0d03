//! Owns finding out whether a file is on a network file system, where SQLite's locks and WAL cannot be relied on.
//! Must not know: databases.

use std::{fs, path::Path};

/// Kinds that reach another machine, as Linux names them.
const NETWORK: [&str; 12] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.s3fs",
];

/// The kind of the network file system that holds `path`. `None` for local ones, and where this cannot be told.
pub(super) fn network(path: &Path) -> Option<&'static str> {
    network_of(&kind(path)?)
}

fn network_of(kind: &str) -> Option<&'static str> {
    NETWORK.into_iter().find(|network| *network == kind)
}

/// The kind of the file system that holds `path`. `None` where this cannot be told.
pub(in crate::store) fn kind(path: &Path) -> Option<String> {
    let whole = path.canonicalize().ok()?;
    kind_in(&fs::read_to_string("/proc/self/mountinfo").ok()?, &whole).map(str::to_owned)
}

/// Each line: `36 35 98:0 /root /mount/point options - type source options`. Of mounts on one point the last is seen.
fn kind_in<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let innermost = mounts
        .lines()
        .filter_map(|line| {
            let (place, kind) = line.split_once(" - ")?;
            // Blanks and the like are written in octal.
            let point = place.split(' ').nth(4)?.replace("\\040", " ");
            path.starts_with(&point)
                .then(|| (point.len(), kind.split(' ').next().unwrap_or_default()))
        })
        .max_by_key(|(length, _)| *length)?;
    Some(innermost.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /srv rw shared:5 - nfs4 store:/srv rw,vers=4.2
31 30 254:1 / /srv/local rw - xfs /dev/vdb rw
32 22 0:41 / /my\\040share rw - cifs //host/share rw
33 22 0:42 / /twice rw - nfs host:/x rw
34 33 0:43 / /twice rw - tmpfs tmpfs rw
";

    #[test]
    fn the_innermost_mount_decides() {
        let kind = |path: &str| network_of(kind_in(MOUNTS, Path::new(path))?);
        assert_eq!(kind("/var/users.db"), None);
        assert_eq!(kind("/srv/users.db"), Some("nfs4"));
        assert_eq!(kind("/srv/local/users.db"), None);
        assert_eq!(kind("/srvice/users.db"), None);
        assert_eq!(kind("/my share/users.db"), Some("cifs"));
        assert_eq!(kind("/twice/users.db"), None);
    }

    #[test]
    fn this_machines_mounts_can_be_read() {
        assert!(
            fs::read_to_string("/proc/self/mountinfo")
                .unwrap()
                .contains(" - ")
        );
        assert_eq!(network(Path::new("/proc/self/status")), None);
    }
}
