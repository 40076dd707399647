//! What every error answers: may it be tried again, and what caused it.

use std::{error::Error as StdError, fmt};

/// The class of a failure: decided where the cause is known, never by matching text later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// May succeed when tried again: a time-out, a lost connection, a full disk.
    Transient,
    /// Will fail again with the same input: a bad payload, a constraint, an unknown table.
    Permanent,
    /// Will fail until someone changes the configuration or the surroundings.
    Config,
}

impl Class {
    /// The lower-case name used in logs and dead letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Transient => "transient",
            Class::Permanent => "permanent",
            Class::Config => "config",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Prints an error and all its causes in one line, outermost first.
///
/// ```
/// # use drakkar_core::error::chain;
/// let error = std::io::Error::other("disk is full");
/// assert_eq!(chain(&error).to_string(), "disk is full");
/// ```
pub fn chain<'a>(error: &'a (dyn StdError + 'static)) -> Chain<'a> {
    Chain(error)
}

/// The [`fmt::Display`] of an error chain; see [`chain`].
pub struct Chain<'a>(&'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

/// The error a hook returns: any error, or a text.
///
/// `?` turns every error type into it. It does not implement [`std::error::Error`] itself, as that would forbid the
/// conversion.
///
/// ```
/// # use drakkar_core::error::HookError;
/// fn hook(text: &str) -> Result<u32, HookError> {
///     if text.is_empty() {
///         return Err(HookError::msg("nothing to count"));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(hook("7").unwrap(), 7);
/// assert_eq!(hook("").unwrap_err().to_string(), "nothing to count");
/// ```
pub struct HookError(Box<dyn StdError + Send + Sync>);

impl HookError {
    /// An error that is only a text.
    pub fn msg(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// The error inside, for an error of your own to carry.
    pub fn into_boxed(self) -> Box<dyn StdError + Send + Sync> {
        self.0
    }

    /// The error inside.
    pub fn as_error(&self) -> &(dyn StdError + 'static) {
        &*self.0
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for HookError {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", chain(self.as_error()))
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", chain(self.as_error()))
    }
}

/// What a hook returns.
pub type HookResult<T> = Result<T, HookError>;
