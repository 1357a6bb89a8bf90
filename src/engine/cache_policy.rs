//! How long HTTP caches, such as a CDN, may store a response.
//!
//! A response is public only if the query is anonymous, and the response is the same for every client. To
//! make the response of another root field public, add the field to [`PUBLIC_FIELDS`].

use std::time::Duration;

use async_graphql::parser::types::OperationType;

/// The root fields whose responses to anonymous clients are public, and for how many seconds.
const PUBLIC_FIELDS: [(&str, u64); 8] = [
    ("categories", 300),
    ("category", 300),
    ("countries", 300),
    ("limits", 300),
    ("gig", 5),
    ("gigs", 5),
    ("node", 5),
    ("nodes", 5),
];

/// Who may cache a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePolicy {
    /// Nobody.
    Private,
    /// Everybody, for this long, if the request is anonymous.
    Public(Duration),
}

impl CachePolicy {
    /// The strictest policy of the operation's root fields.
    pub fn new(kind: OperationType, root_fields: &[String]) -> Self {
        let max_age = |name: &String| match name.as_str() {
            "__typename" => Some(u64::MAX),
            name => PUBLIC_FIELDS.iter().find(|(public, _)| *public == name).map(|(_, seconds)| *seconds),
        };
        let seconds =
            root_fields.iter().map(max_age).try_fold(u64::MAX, |least, seconds| Some(least.min(seconds?)));
        match seconds {
            // Without a field besides `__typename`, caching is not worth it.
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
    fn the_strictest_root_field_decides() {
        let policy = |fields: &[&str]| {
            let fields: Vec<_> = fields.iter().map(ToString::to_string).collect();
            CachePolicy::new(OperationType::Query, &fields)
        };
        assert_eq!(policy(&["categories", "limits"]), CachePolicy::Public(Duration::from_mins(5)));
        assert_eq!(
            policy(&["categories", "gigs", "__typename"]),
            CachePolicy::Public(Duration::from_secs(5))
        );
        for private in [&["gigs", "viewer"][..], &["eventCursor"], &["__schema"], &["__typename"], &[]] {
            assert_eq!(policy(private), CachePolicy::Private, "{private:?}");
        }
        assert_eq!(CachePolicy::new(OperationType::Mutation, &["gigs".into()]), CachePolicy::Private);
    }
}
