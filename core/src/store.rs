//! The port `Store`: small secrets that outlive the process (device id, keys, resume secrets).
//!
//! A value is at most a few kilobytes and is written whole or not at all. Phones keep it in Keychain or Keystore; on the
//! desktop [`FileStore`] is a folder that only its owner can read; [`MemoryStore`] forgets with the process.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::entropy;
use crate::error::StartError;
use crate::proto::DeviceId;

/// Small secrets that outlive the process.
pub trait Store: Send + Sync + 'static {
    /// The value of `key`, `None` if there is none.
    ///
    /// # Errors
    /// The store cannot be read; a retry may work.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes `value`, replacing the one before. After an error the old value is still there.
    ///
    /// # Errors
    /// The key is not 1 to 64 bytes of `[a-z0-9_-]`, or the store cannot be written.
    fn put(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;

    /// Forgets `key`. Not an error if there is none.
    ///
    /// # Errors
    /// The store cannot be written.
    fn delete(&self, key: &str) -> Result<(), StoreError>;
}

/// Why a store failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The key has a character that a store need not support.
    #[error("a store key is 1 to 64 bytes of a-z 0-9 _ -")]
    Key,
    /// The disk is full.
    #[error("the disk is full: free some space and start again")]
    Full,
    /// The folder or file may not be read or written.
    #[error("no permission to read or write the store: check the owner and mode of its folder")]
    Denied,
    /// Another fault of the system.
    #[error("the store failed: {0:?}")]
    Io(io::ErrorKind),
}

/// A folder of files that only the owner can read (mode 0700, files 0600).
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
}

/// A store that forgets with the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    values: Mutex<BTreeMap<String, Vec<u8>>>,
}

/// The device id that a store keeps; the first call makes one.
///
/// A phone with this store has the same. It is asked for where the id is needed before the phone is there, as for
/// signaling that shows it.
///
/// # Errors
/// The store cannot be read or written, or the system gives no random bytes.
pub fn device_id(store: &dyn Store) -> Result<DeviceId, StartError> {
    /// Two first starts at once would each make an id.
    static FIRST: Mutex<()> = Mutex::new(());
    let _one = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = store.get(DEVICE_KEY)?.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    if let Some(device) = kept {
        return Ok(device);
    }
    let device = DeviceId::from_random(entropy::random().map_err(|_| StartError::NoEntropy)?);
    store.put(DEVICE_KEY, device.to_string().as_bytes())?;
    Ok(device)
}

impl FileStore {
    /// Opens the folder, and creates it if it is not there.
    ///
    /// # Errors
    /// The folder cannot be created, or its mode cannot be set.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        let folder = folder.as_ref().to_path_buf();
        fs::create_dir_all(&folder)?;
        owner_only(&folder, 0o700)?;
        Ok(Self { folder })
    }
}

impl Store for FileStore {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_key(key)?;
        match fs::read(self.folder.join(key)) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a file beside the old one, syncs it and renames it over: a killed process leaves one of the two, whole.
    fn put(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        check_key(key)?;
        let fresh = self.folder.join(format!("{key}.new"));
        let written = write_synced(&fresh, value).and_then(|()| fs::rename(&fresh, self.folder.join(key)));
        if written.is_err() {
            // Best effort: the half-written file is never read, only replaced.
            let _ = fs::remove_file(&fresh);
        }
        Ok(written?)
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        check_key(key)?;
        match fs::remove_file(self.folder.join(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl MemoryStore {
    /// An empty store.
    pub const fn new() -> Self {
        Self { values: Mutex::new(BTreeMap::new()) }
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_key(key)?;
        Ok(self.values().get(key).cloned())
    }

    fn put(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        check_key(key)?;
        self.values().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        check_key(key)?;
        self.values().remove(key);
        Ok(())
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return StoreError::Full;
        }
        if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
            return StoreError::Denied;
        }
        StoreError::Io(kind)
    }
}

fn check_key(key: &str) -> Result<(), StoreError> {
    let legal = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if key.is_empty() || key.len() > MAX_KEY_BYTES || !key.bytes().all(legal) {
        return Err(StoreError::Key);
    }
    Ok(())
}

fn write_synced(path: &Path, value: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let mut file = fs::File::create(path)?;
    owner_only(path, 0o600)?;
    file.write_all(value)?;
    file.sync_all()
}

#[cfg(unix)]
fn owner_only(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Elsewhere the user's profile folder is private already.
#[cfg(not(unix))]
fn owner_only(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

/// Where a phone keeps its device id.
const DEVICE_KEY: &str = "device";
/// Keychain and Keystore take far longer names; file systems do not mind this one.
const MAX_KEY_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("ringback-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn a_value_survives_a_new_store_on_the_same_folder() {
        let folder = folder("survives");
        FileStore::open(&folder).unwrap().put("device", b"abc").unwrap();
        let again = FileStore::open(&folder).unwrap();
        assert_eq!(again.get("device"), Ok(Some(b"abc".to_vec())));
        again.delete("device").unwrap();
        assert_eq!(again.get("device"), Ok(None));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_cannot_leave_the_folder() {
        let folder = folder("leave");
        let store = FileStore::open(&folder).unwrap();
        for bad in ["", "../x", "a/b", "A", "a.new"] {
            assert_eq!(store.put(bad, b"x"), Err(StoreError::Key), "{bad}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_device_id_is_made_once() {
        let store = MemoryStore::new();
        let device = device_id(&store).unwrap();
        assert_eq!(device_id(&store), Ok(device));
        store.put(DEVICE_KEY, b"not an id").unwrap();
        assert_ne!(device_id(&store), Ok(device));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_folder_and_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder("mode");
        FileStore::open(&folder).unwrap().put("device", b"abc").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("device"))), (0o700, 0o600));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_a_typed_error() {
        assert!(FileStore::open("/dev/null/ringback").is_err());
    }
}
