//! Owns doing a thing once though it is asked for twice: the key, the stored answer, and which of the two it was.
//! Must not know: what is done, or how an answer is written.

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Writes the answer to what was done. Run inside the transaction, so that deed and answer are stored together; and again
/// when the transaction is begun again.
pub type Render<T> = Box<dyn Fn(&T) -> Result<StoredAnswer, super::Cause> + Send>;

/// A deed that is to be done once.
pub struct Once<T> {
    /// Unique to the operation, the caller and the caller's key.
    pub key: String,
    /// Digest of the request: another request with the same key is refused.
    pub digest: String,
    pub render: Render<T>,
}

impl<T> std::fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Once")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// When it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done<T> {
    Now(T),
    /// By an earlier request with the same key, which got this answer.
    Before(StoredAnswer),
}
