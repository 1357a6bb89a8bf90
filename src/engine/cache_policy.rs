//! How long an answer may be kept by whoever stands between the gateway and its clients, such as a CDN.
//!
//! What everybody sees alike may be kept for a few seconds, and only where a stranger has asked for it by GET; whatever
//! is not listed here is for the one who asks alone.

use std::time::Duration;

use async_graphql::parser::types::OperationType;

/// The root fields whose answers to strangers may be kept, and for how many seconds.
const PUBLIC: [(&str, u64); 6] =
    [("categories", 300), ("limits", 300), ("gig", 5), ("gigs", 5), ("node", 5), ("nodes", 5)];

/// Whether an answer may be kept by others than the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePolicy {
    /// By nobody.
    Private,
    /// For so long, where a stranger asked.
    Public(Duration),
}

impl CachePolicy {
    /// The policy of an operation with these root fields: that of the strictest.
    pub fn of(kind: OperationType, root_fields: &[String]) -> Self {
        let kept = |name: &String| match name.as_str() {
            "__typename" => Some(u64::MAX),
            name => PUBLIC.iter().find(|(public, _)| *public == name).map(|(_, seconds)| *seconds),
        };
        let seconds =
            root_fields.iter().map(kept).try_fold(u64::MAX, |least, seconds| Some(least.min(seconds?)));
        match seconds {
            // Nothing but `__typename` is worth no keeping.
            Some(seconds) if kind == OperationType::Query && seconds < u64::MAX => {
                Self::Public(Duration::from_secs(seconds))
            }
            _ => Self::Private,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_field_decides() {
        let of = |fields: &[&str]| {
            let fields: Vec<_> = fields.iter().map(ToString::to_string).collect();
            CachePolicy::of(OperationType::Query, &fields)
        };
        assert_eq!(of(&["categories", "limits"]), CachePolicy::Public(Duration::from_mins(5)));
        assert_eq!(of(&["categories", "gigs", "__typename"]), CachePolicy::Public(Duration::from_secs(5)));
        for private in [&["gigs", "viewer"][..], &["eventCursor"], &["__schema"], &["__typename"], &[]] {
            assert_eq!(of(private), CachePolicy::Private, "{private:?}");
        }
        assert_eq!(CachePolicy::of(OperationType::Mutation, &["gigs".into()]), CachePolicy::Private);
    }
}
