//! `limit_table!` declares a set of limits as one table.
//!
//! A row has the description, name, type and default of a limit and, if it is checked, the allowed range. The
//! struct, its `Default`, its check and its JSON form all come from the rows. In JSON, names are camelCase,
//! missing limits keep their default, and unknown names are errors.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

macro_rules! limit_table {
    (
        $(#[$table_attribute:meta])*
        pub struct $table:ident {
            $(
                $(#[$row_attribute:meta])*
                $name:ident: $type:ty = $default:expr $(, in $range:expr)?;
            )*
        }
    ) => {
        $(#[$table_attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "camelCase")]
        pub struct $table {
            $($(#[$row_attribute])* pub $name: $type,)*
        }

        impl Default for $table {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl $table {
            /// Checks every limit against its allowed range.
            ///
            /// # Errors
            /// The first limit that is out of range, by its JSON name, and the range.
            pub fn check_ranges(&self) -> Result<(), String> {
                $($($crate::domain::limit_table::check_range(stringify!($name), &self.$name, $range)?;)?)*
                Ok(())
            }
        }
    };
}

pub(crate) use limit_table;

/// Checks that `value`, the value of the limit `name`, is within `range`.
pub(crate) fn check_range<T: PartialOrd + Display>(
    name: &str,
    value: &T,
    range: impl RangeBounds<T>,
) -> Result<(), String> {
    if range.contains(value) {
        return Ok(());
    }
    let name = camel_case(name);
    Err(match (range.start_bound(), range.end_bound()) {
        (Bound::Included(min), Bound::Included(max)) => format!("{name} must be between {min} and {max}"),
        (Bound::Included(min), Bound::Unbounded) => format!("{name} must be {min} or more"),
        _ => format!("{name} is out of range"),
    })
}

/// The JSON name of a field, as serde's `camelCase` makes it.
fn camel_case(snake_case: &str) -> String {
    let mut words = snake_case.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        name + &initial.to_ascii_uppercase() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_out_of_range_is_reported_by_its_json_name() {
        assert_eq!(check_range("claim_minutes", &15, 1..=60), Ok(()));
        let too_high = check_range("claim_minutes", &61, 1..=60).unwrap_err();
        assert_eq!(too_high, "claimMinutes must be between 1 and 60");
        assert_eq!(check_range("depth", &0, 1..).unwrap_err(), "depth must be 1 or more");
    }
}
